"""Modules and their names as they were called earlier: they work for one release, and a DeprecationWarning says how
they are called now.

CHANGELOG.md lists them under the release in which they moved.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_MOVED = (
    ("ims", "ims", "asked=query_run extract=export quantity=text remote=client"),
    ("ims", "ims.packet", "checksum octets"),
    ("ims", "ims.sensor", "config"),
    ("ims", "ims.settings", "settings_file=toml toml_lines"),
    ("ims.cli", "ims.cli", "asked=query_target check=start owner=start"),
    ("ims.decode", "ims.packet", "ipv4 link_names=link_types"),
    (
        "ims.lake", "ims.lake",
        "asked=backend covered=coverage paced=bandwidth place=object_store verified=verified_upload",
    ),
    ("ims.link", "ims.link", "unfolded=message_size"),
    ("ims.pki", "ims.pki", "shown=report"),
    ("ims.player", "ims.player", "hand_out=transmit"),
    ("ims.portal", "ims.portal", "gate=services"),
    (
        "ims.portal", "ims.portal.auth",
        "account_tokens accounts accounts_file devices guesses=login_backoff roles throttle=rate_limit tokens",
    ),
    (
        "ims.portal", "ims.portal.federation",
        "agreement asker diagnosis fault health lake_side=lake_peer merging=merge monitored=monitored_space "
        "part_room=part_memory peer registry registry_file remembered=answer_cache scatter scattered=responses "
        "sensor_identity sensors sensors_backend",
    ),
    (
        "ims.portal", "ims.portal.privacy",
        "cell_sums cells darkwords=address_scan darkwords_escapes=escape_kernels darkwords_scan=address_kernels "
        "forbidden=query_policy may_ask=query_policy narrowed=query_policy noise omissions secrecy=policy "
        "secrecy_settings=settings seen_by_analysts=redact_analyst seen_by_viewers=redact_viewer "
        "viewers=viewer_policy",
    ),
    (
        "ims.portal.api", "ims.portal.api",
        "asking=execute envelope=middleware holding=answer_memory refusals=errors serve=server turns=task_queue "
        "words=parameters",
    ),
    ("ims.portal.api", "ims.portal.auth", "addresses=rate_limit"),
    ("ims.process", "ims.process", "finding=doctor"),
    ("ims.query", "ims.query", "limits=verbs wrong=errors"),
    (
        "ims.query", "ims.query.distinct",
        "distinct=address_set distinct_pairs=pair_set hashed=hash_kernels marks=bitmap",
    ),
    (
        "ims.query", "ims.query.engines",
        "compiled=sql_cache compiler=sql_compiler duck=duckdb_adapter engine=duckdb kept_sql=sql_store "
        "looks=part_reader part_files=parquet_files spark spark_errors spark_session standing=prepared",
    ),
    ("ims.query", "ims.query.format", "metric_table shown=display written=serialize"),
    (
        "ims.query", "ims.query.language",
        "arithmetic asks=columns complaint=errors fields=header_fields filter grammar identity=qualifiers names "
        "reading=tree_builder tree=syntax_tree wire=json_codec",
    ),
    (
        "ims.query", "ims.query.plans",
        "header_octets hidden=hidden_sources part plan plan_details=details plan_rows=packets predicate shapes=tables "
        "short_circuit",
    ),
    (
        "ims.queryd", "ims.queryd",
        "answering=execution turns=thread_queue watch=watchdog watched_prefixes=coverage_prefixes",
    ),
    ("ims.respond", "ims.respond", "way_back=link_header"),
    (
        "ims.sensor", "ims.process",
        "access=file_access check=start_checks endpoint finding=doctor logs owner=store_owner privileges read_search",
    ),
    (
        "ims.sensor", "ims.sensor",
        "capture_file=recognition keeper=store_thread kept=payload_buffer live=worker watched=coverage",
    ),
    ("ims.sign", "ims.sign", "key=cache"),
    ("ims.simulate", "ims.simulate", "dice=random_columns"),
    (
        "ims.simulate", "ims.simulate.kernels",
        "client conversation draft=frame_buffer hosts order persona scanning stream=prng sweep tally",
    ),
    ("ims.simulate", "ims.simulate.output", "play truth written=capture"),
    (
        "ims.simulate", "ims.simulate.populations",
        "background backscatter epidemic misconfigured=misconfiguration populations=population scanners",
    ),
    (
        "ims.simulate", "ims.simulate.scenario",
        "blocks cast=tables models payloads scenario services units=times world worms",
    ),
    (
        "ims.store", "ims.store",
        "journal=captures sealed=checked_record seen=first_seen_index seen_table=first_seen_table shipped=shipment",
    ),
)  # fmt: skip
"""Where modules were, where they are, and their names, as `earlier=now` where they aren't the same."""
MOVED = {
    f"{there}.{names.partition('=')[0]}": f"{here}.{names.rpartition('=')[2]}"
    for there, here, all_names in _MOVED
    for names in all_names.split()
}
"""Earlier name -> the module that has its names now."""
_NAMES = (
    ("ims.asked", "ims.settings.durations", "HOUR_US"),
    ("ims.config", "ims.settings.endpoints", "endpoint_of"),
    ("ims.lake.place", "ims.lake.uri", "S3_OPTIONS"),
    ("ims.portal.fault", "ims.text", "one_line=first_line"),
    ("ims.query.shown", "ims.text", "printable printable_octets"),
    ("ims.sign.key", "ims.settings.durations", "DAY_US"),
    ("ims.asked", "ims.query_run", "Asked=QueryRun"),
    ("ims.lake.asked", "ims.lake.backend", "LakeAsked=LakeRun"),
    ("ims.lake.covered", "ims.lake.coverage", "Covered=CoverageFile"),
    ("ims.lake.paced", "ims.lake.bandwidth", "Pace=Bandwidth"),
    ("ims.lake.place", "ims.lake.object_store", "Place=ObjectStore"),
    ("ims.lake.place", "ims.lake.uri", "open_place"),
    ("ims.pki.shown", "ims.pki.report", "Shown=CertificateRow"),
    ("ims.player.hand_out", "ims.player.transmit", "hand_out=transmit"),
    ("ims.portal.api.holding", "ims.portal.api.answer_memory", "Holding=AnswerMemory"),
    ("ims.portal.api.turns", "ims.portal.api.task_queue", "Turns=TaskQueue"),
    ("ims.portal.api.words", "ims.portal.api.parameters", "Words=Parameters"),
    ("ims.portal.darkwords", "ims.portal.privacy.address_scan", "DarkWords=AddressScan"),
    ("ims.portal.gate", "ims.portal.services", "Gate=Services"),
    ("ims.portal.guesses", "ims.portal.auth.login_backoff", "Guesses=LoginBackoff"),
    ("ims.portal.lake_side", "ims.portal.federation.lake_peer", "LakeSide=LakePeer"),
    ("ims.portal.merging", "ims.portal.federation.merge", "Merging=MergeEngines"),
    ("ims.portal.monitored", "ims.portal.federation.monitored_space", "Monitored=MonitoredSpace"),
    ("ims.portal.narrowed", "ims.portal.privacy.query_policy", "Narrowed=NarrowedRequest"),
    ("ims.portal.part_room", "ims.portal.federation.part_memory", "PartRoom=PartMemory"),
    ("ims.portal.remembered", "ims.portal.federation.answer_cache", "Kept=CachedAnswer Remembered=AnswerCache"),
    ("ims.portal.scatter", "ims.portal.federation.scatter", "SensorsAsked=SensorsRun"),
    ("ims.portal.scattered", "ims.portal.federation.responses", "Scattered=Responses"),
    ("ims.portal.secrecy", "ims.portal.privacy.policy", "Secrecy=PrivacyPolicy"),
    ("ims.portal.throttle", "ims.portal.auth.rate_limit", "Throttle=RateLimit"),
    ("ims.query.darkspace", "ims.query.darkspace", "Watched=CoverageRow"),
    ("ims.query.request", "ims.query.verbs", "Verb=VerbName MOST_DETAILED"),
    ("ims.queryd.answering", "ims.queryd.execution", "Told=StoreView"),
    ("ims.queryd.handshakes", "ims.queryd.handshakes", "Sparing=LogLimit"),
    ("ims.queryd.tail", "ims.queryd.tail", "Tailing=TailService"),
    ("ims.queryd.turns", "ims.queryd.thread_queue", "Turns=ThreadQueue"),
    ("ims.queryd.watch", "ims.queryd.watchdog", "Watched=WatchedQuestion Watch=Watchdog"),
    ("ims.queryd.watched_prefixes", "ims.queryd.coverage_prefixes", "WatchedPrefixes=CoveragePrefixes"),
    ("ims.sensor.keeper", "ims.sensor.store_thread", "Keeper=StoreThread"),
    ("ims.sensor.kept", "ims.sensor.payload_buffer", "Kept=PayloadBuffer"),
    ("ims.sensor.watched", "ims.sensor.coverage", "Watched=CoverageLog"),
    ("ims.simulate.backscatter", "ims.simulate.populations.backscatter", "Scattering=Backscatter"),
    ("ims.simulate.dice", "ims.simulate.random_columns", "Dice=RandomColumns"),
    ("ims.simulate.draft", "ims.simulate.kernels.frame_buffer", "Draft=FrameBuffer"),
    ("ims.simulate.epidemic", "ims.simulate.populations.epidemic", "Scanning=Epidemic"),
    ("ims.simulate.misconfigured", "ims.simulate.populations.misconfiguration", "Dripping=Misconfiguration"),
    ("ims.simulate.scanners", "ims.simulate.populations.scanners", "Sweeping=Scanners"),
    ("ims.store.parts", "ims.store.parts", "Part=OpenPart"),
    ("ims.store.retention", "ims.settings.durations", "parse_age"),
    ("ims.store.retention", "ims.settings.sizes", "parse_size"),
    ("ims.store.schema", "ims.store.schema", "Part=PartPath"),
    ("ims.store.seen", "ims.store.first_seen_index", "Seen=FirstSeenIndex"),
    ("ims.store.shipped", "ims.store.shipment", "Shipped=ShipmentRecord Confirmed=ShipmentCheck"),
    ("ims.stores_backend", "ims.stores_backend", "StoresAsked=StoresRun"),
    ("ims.telescope", "ims.verb_methods", "Moment"),
)
"""Modules as they were called, where their names are, and these, as `earlier=now` where they aren't the same."""
NAMES: dict[str, dict[str, tuple[str, str]]] = {}
for _module, _here, _names in _NAMES:
    for _name in _names.split():
        NAMES.setdefault(_module, {})[_name.partition("=")[0]] = _here, _name.rpartition("=")[2]
"""Module -> a name that it had -> where that is now."""


class _Moved(MetaPathFinder, Loader):
    """Asked last, so only for modules that aren't there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        new = MOVED[module.__name__]
        warnings.warn(f"{module.__name__} is {new} now", DeprecationWarning, stacklevel=2)
        found = vars(importlib.import_module(new))
        module.__dict__.update({name: value for name, value in found.items() if not name.startswith("_")})
        for name, (here, now) in NAMES.get(module.__name__, {}).items():
            module.__dict__[name] = getattr(importlib.import_module(here), now)


def earlier_name(module: str, name: str) -> Any:
    """What a module called so earlier: one of NAMES, or of a module of MOVED that is a package now. Raises
    AttributeError where it was nothing."""
    new, now = NAMES.get(module, {}).get(name) or (MOVED.get(module), name)
    is_none = new is None or name.startswith("_")
    if is_none or (module in MOVED and importlib.util.find_spec(f"{module}.{name}")):  # a module of the package
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    found = vars(importlib.import_module(str(new)))
    if now not in found:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warnings.warn(f"{module}.{name} is {new}.{now} now", DeprecationWarning, stacklevel=3)
    return found[now]


def serve_earlier_names() -> None:
    """Have imports by earlier names served."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
