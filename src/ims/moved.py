"""Earlier names of modules and of what is in them: they work for one release, with a DeprecationWarning that gives the
new name.

CHANGELOG.md lists them under the release in which they moved.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_MOVED = (
    ("ims", "ims", "asked=query_run extract=export quantity=text remote=client portal.fault.one_line=text.first_line "
     "query.shown.printable=text.printable query.shown.printable_octets=text.printable_octets "
     "asked.Asked=query_run.QueryRun asked.StoresAsked=stores_backend.StoresRun "
     "stores_backend.StoresAsked=stores_backend.StoresRun "
     "telescope.Moment=verb_methods.Moment"),
    ("ims", "ims.packet", "checksum octets"),
    ("ims", "ims.sensor", "config"),
    ("ims", "ims.settings", "settings_file=toml toml_lines asked.HOUR_US=durations.HOUR_US "
     "config.endpoint_of=endpoints.endpoint_of sign.key.DAY_US=durations.DAY_US "
     "store.retention.parse_age=durations.parse_age store.retention.parse_size=sizes.parse_size"),
    ("ims.cli", "ims.cli", "asked=query_target check=start owner=start"),
    ("ims.decode", "ims.packet", "ipv4 link_names=link_types"),
    ("ims.lake", "ims.lake", "asked=backend covered=coverage paced=bandwidth place=object_store "
     "verified=verified_upload place.S3_OPTIONS=uri.S3_OPTIONS asked.LakeAsked=backend.LakeRun "
     "covered.Covered=coverage.CoverageFile paced.Pace=bandwidth.Bandwidth place.Place=object_store.ObjectStore "
     "place.open_place=uri.open_place"),
    ("ims.link", "ims.link", "unfolded=message_size"),
    ("ims.pki", "ims.pki", "shown=report shown.Shown=report.CertificateRow"),
    ("ims.player", "ims.player", "hand_out=transmit hand_out.hand_out=transmit.transmit"),
    ("ims.portal", "ims.portal", "gate=services gate.Gate=services.Services"),
    ("ims.portal", "ims.portal.auth", "account_tokens accounts accounts_file devices guesses=login_backoff roles "
     "throttle=rate_limit tokens guesses.Guesses=login_backoff.LoginBackoff throttle.Throttle=rate_limit.RateLimit"),
    ("ims.portal", "ims.portal.federation", "agreement asker diagnosis fault health lake_side=lake_peer merging=merge "
     "monitored=monitored_space part_room=part_memory peer registry registry_file remembered=answer_cache scatter "
     "scattered=responses sensor_identity sensors sensors_backend lake_side.LakeSide=lake_peer.LakePeer "
     "merging.Merging=merge.MergeEngines monitored.Monitored=monitored_space.MonitoredSpace "
     "part_room.PartRoom=part_memory.PartMemory remembered.Kept=answer_cache.CachedAnswer "
     "remembered.Remembered=answer_cache.AnswerCache scatter.SensorsAsked=scatter.SensorsRun "
     "scattered.Scattered=responses.Responses"),
    ("ims.portal", "ims.portal.privacy", "cell_sums cells darkwords=address_scan darkwords_escapes=escape_kernels "
     "darkwords_scan=address_kernels forbidden=query_policy may_ask=query_policy narrowed=query_policy noise "
     "omissions secrecy=policy secrecy_settings=settings seen_by_analysts=redact_analyst "
     "seen_by_viewers=redact_viewer viewers=viewer_policy darkwords.DarkWords=address_scan.AddressScan "
     "narrowed.Narrowed=query_policy.NarrowedRequest secrecy.Secrecy=policy.PrivacyPolicy"),
    ("ims.portal.api", "ims.portal.api", "asking=execute envelope=middleware holding=answer_memory refusals=errors "
     "serve=server turns=task_queue words=parameters holding.Holding=answer_memory.AnswerMemory "
     "turns.Turns=task_queue.TaskQueue words.Words=parameters.Parameters"),
    ("ims.portal.api", "ims.portal.auth", "addresses=rate_limit"),
    ("ims.process", "ims.process", "finding=doctor"),
    ("ims.query", "ims.query", "limits=verbs wrong=errors darkspace.Watched=darkspace.CoverageRow "
     "request.Verb=verbs.VerbName request.MOST_DETAILED=verbs.MOST_DETAILED"),
    ("ims.query", "ims.query.distinct", "distinct=address_set distinct_pairs=pair_set "
     "marks=bitmap"),
    ("ims.query", "ims.query.engines", "compiled=sql_cache compiler=sql_compiler duck=duckdb_adapter engine=duckdb "
     "kept_sql=sql_store looks=part_reader part_files=parquet_files spark spark_errors spark_session "
     "standing=prepared"),
    ("ims.query", "ims.query.format", "metric_table shown=display written=serialize"),
    ("ims.query", "ims.query.language", "arithmetic asks=columns complaint=errors fields=header_fields filter grammar "
     "identity=qualifiers names reading=tree_builder tree=syntax_tree wire=json_codec"),
    ("ims.query", "ims.query.plans", "header_octets hidden=hidden_sources part plan plan_details=details "
     "plan_rows=packets predicate shapes=tables short_circuit"),
    ("ims.queryd", "ims.queryd", "answering=execution turns=thread_queue watch=watchdog "
     "watched_prefixes=coverage_prefixes answering.Told=execution.StoreView handshakes.Sparing=handshakes.LogLimit "
     "tail.Tailing=tail.TailService turns.Turns=thread_queue.ThreadQueue watch.Watched=watchdog.WatchedQuestion "
     "watch.Watch=watchdog.Watchdog watched_prefixes.WatchedPrefixes=coverage_prefixes.CoveragePrefixes"),
    ("ims.respond", "ims.respond", "way_back=link_header"),
    ("ims.sensor", "ims.process", "access=file_access check=start_checks endpoint finding=doctor logs "
     "owner=store_owner privileges read_search privileges.tell_systemd=service_manager.tell_systemd"),
    ("ims.sensor", "ims.sensor", "capture_file=recognition keeper=store_thread kept=payload_buffer live=worker "
     "watched=coverage keeper.Keeper=store_thread.StoreThread kept.Kept=payload_buffer.PayloadBuffer "
     "watched.Watched=coverage.CoverageLog"),
    ("ims.sign", "ims.sign", "key=cache"),
    ("ims.simulate", "ims.simulate", "dice=random_columns dice.Dice=random_columns.RandomColumns"),
    ("ims.simulate", "ims.simulate.kernels", "client conversation draft=frame_buffer hosts order persona scanning "
     "stream=prng sweep tally draft.Draft=frame_buffer.FrameBuffer"),
    ("ims.simulate", "ims.simulate.output", "play truth written=capture"),
    ("ims.simulate", "ims.simulate.populations", "background backscatter epidemic misconfigured=misconfiguration "
     "populations=population scanners backscatter.Scattering=backscatter.Backscatter "
     "epidemic.Scanning=epidemic.Epidemic misconfigured.Dripping=misconfiguration.Misconfiguration "
     "scanners.Sweeping=scanners.Scanners"),
    ("ims.simulate", "ims.simulate.scenario", "blocks cast=tables models payloads scenario services units=times world "
     "worms"),
    ("ims.store", "ims.store", "journal=captures sealed=checked_record seen=first_seen_index "
     "seen_table=first_seen_table shipped=shipment parts.Part=parts.OpenPart schema.Part=schema.PartPath "
     "seen.Seen=first_seen_index.FirstSeenIndex shipped.Shipped=shipment.ShipmentRecord "
     "shipped.Confirmed=shipment.ShipmentCheck"),
)  # fmt: skip
"""Where modules were, where they are, and their names, as `earlier=now` where they differ; `module.name` is a name that
moved without its module, or was renamed."""
MOVED: dict[str, str] = {}
"""Earlier name -> the module that has its names now."""
NAMES: dict[str, dict[str, tuple[str, str]]] = {}
"""Module -> a name that it had -> the module and the name now."""
for _there, _here, _names in _MOVED:
    for _name in _names.split():
        _earlier, _, _now = _name.partition("=")
        (_module, _, _old), (_to, _, _new) = (each.rpartition(".") for each in (_earlier, _now or _earlier))
        if _module:
            NAMES.setdefault(f"{_there}.{_module}", {})[_old] = f"{_here}.{_to}", _new
        else:
            MOVED[f"{_there}.{_old}"] = f"{_here}.{_new}"


class _Moved(MetaPathFinder, Loader):
    """The last finder, so only for modules that don't exist."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        new = MOVED[module.__name__]
        warnings.warn(f"{module.__name__} is {new} now", DeprecationWarning, stacklevel=2)
        found = vars(importlib.import_module(new))
        module.__dict__.update({name: value for name, value in found.items() if not name.startswith("_")})
        for name, (here, now) in NAMES.get(module.__name__, {}).items():
            module.__dict__[name] = getattr(importlib.import_module(here), now)


def earlier_name(module: str, name: str) -> Any:
    """What `name` was earlier in `module`: one of NAMES, or a name of a module of MOVED that is a package now. Raises
    AttributeError where it was nothing."""
    new, now = NAMES.get(module, {}).get(name) or (MOVED.get(module), name)
    if new and not name.startswith("_") and not (module in MOVED and importlib.util.find_spec(f"{module}.{name}")):
        found = vars(importlib.import_module(new))
        if now in found:
            warnings.warn(f"{module}.{name} is {new}.{now} now", DeprecationWarning, stacklevel=3)
            return found[now]
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def serve_earlier_names() -> None:
    """Make imports by earlier names work."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
