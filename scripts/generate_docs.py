"""Writes docs/records.md, docs/settings.md, docs/cli.md, docs/verbs.md and the tables of docs/simulate.md and
docs/analyses.md from the code, so that they can't say anything else."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin

import typer.main

from ims.records import TABLES, Column

DOCS = Path(__file__).parent.parent / "docs"

RECORDS = """# Records

Every table of a store, column by column. This page is written from `src/ims/records.py` by `make docs`.

A store is plain Parquet in hive partitions, `STORE/TABLE/sensor=NAME/date=YYYY-MM-DD/hour=HH/*.parquet`, so the
columns `sensor`, `date` and `hour` come from the folders' names. Hours and days are UTC. Any Parquet engine
reads it without our code:

```sql
SELECT destination_port, count(*) FROM read_parquet('STORE/packets/**/*.parquet', hive_partitioning = true)
GROUP BY ALL ORDER BY 2 DESC LIMIT 10;
```

Hours that are still being written lie in `STORE/_hot` and appear in that tree when they are finished; `ims`
itself follows a manifest and sees them sooner.
"""

INTRODUCTIONS = {
    "packets": "One row for every packet to a monitored address. A field of a transport header is null, too, where it "
    "was not captured whole, and in later fragments. Where answers count `bytes` they sum `presumed_length` where "
    "there is one, else `total_length`: the smaller of what the header claims and what came (stores written by an "
    "earlier version believe the claim); `bytes_capped` takes at most 1,500 of each packet.",
    "payloads": "One row for every payload that was new, per sensor and UTC day. A second payload with the same "
    "MD5 has a row of its own.",
    "frames_raw": "What the columns of `packets` can't express, byte for byte: IP options, lengths that lie, wrong "
    "or unverifiable checksums, reserved bits, a second payload with the same MD5.",
    "coverage": (
        "What was watched, and when: one row for each block and uninterrupted period. Of a capture, the times of the "
        "packets that were stored tell: times within an hour of each other are watched, and so is a quiet of at most a "
        "week between two that follow each other in the file. A longer hole, and a time that stands out of the file's "
        "order, ends a period, and ingest says so. When in its periods a capture lost frames isn't known: the number "
        "stands in the longest. The darknet's size, which `--per-24` divides by, is the number of distinct addresses "
        "in these prefixes, the mean over the moments of the bin or range at which there is any."
    ),
}


def records() -> str:
    """docs/records.md."""
    parts = [RECORDS]
    for name, columns in TABLES.items():
        rows = [f"| `{c.name}` | {_type(c)} | {c.meaning} |" for c in columns]
        head = [f"## `{name}`", "", INTRODUCTIONS[name], "", "| column | type | meaning |", "|---|---|---|"]
        parts.append("\n".join([*head, *rows, ""]))
        if name == "packets":
            parts.append(categories())
    parts.append(counters())
    return "\n".join(parts)


CATEGORIES = """### Categories
What the column `category` says, from `src/ims/decode/category.py`: which packets (the first row that fits counts),
after whom, and what it gets wrong. A category is a packet's, not its source's.

| category | packets | source | errors |
|---|---|---|---|
"""


def categories() -> str:
    """The section of docs/records.md about them."""
    from ims.decode.category import TABLE

    return CATEGORIES + "".join(f"| `{' | '.join(row).replace(' |', '` |', 1)} |\n" for row in TABLE)


COUNTERS = """## Counters
What becomes of each frame: in an ingest's report, and in a live sensor's metrics (`ims_verdicts`, `ims_frame_marks`).
`frames` is the sum of {exclusive}; the others count packets that are among those.

| counter | meaning |
|---|---|
"""


def counters() -> str:
    """The section of docs/records.md about the books."""
    from ims.decode.verdict import EXCLUSIVE, MEANING

    head = COUNTERS.format(exclusive=", ".join(f"`{name}`" for name in EXCLUSIVE))
    return head + "".join(f"| `{name}` | {meaning} |\n" for name, meaning in MEANING.items())


def _type(column: Column) -> str:
    kind = column.arrow.replace("[", " ").replace("]", "").replace("_", " ")
    return kind if column.layer == 0 else f"{kind}, null"


SETTINGS = """# Settings

Everything that may stand in the TOML files of `ims sensor`, `ims queryd` and `ims portal`, and in that of
`--lake-config`; [A live sensor](sensor.md), [A portal and its sensors](deploy.md) and [The lake](scale.md) have
examples. This page is written from the settings' models by `make docs`.
Sizes are bytes, or texts such as `"256M"`. `SIGHUP` to a sensor changes only `block`, `exclude` and `private_sources`;
a portal reads its registry again when it changes.
"""


def settings() -> str:
    """docs/settings.md."""
    from ims.lake.config import LakeConfig
    from ims.portal.config import PortalConfig, PortalLake
    from ims.portal.federation.registry import RegisteredBlock, RegisteredSensor
    from ims.portal.privacy.settings import SecrecySettings
    from ims.process.tls import HttpsConfig, TlsConfig
    from ims.query.engines.spark_session import SparkSettings
    from ims.queryd.config import QuerydConfig
    from ims.sensor.config import BlockConfig, SensorConfig

    parts = [SETTINGS]
    for title, model in (
        ("A sensor", SensorConfig),
        ("A sensor's `[[block]]`", BlockConfig),
        ("A query daemon", QuerydConfig),
        ("`[tls]` of a query daemon or a portal", TlsConfig),
        ("A portal", PortalConfig),
        ("A portal's `[https]`", HttpsConfig),
        ("A portal's `[secrecy]`", SecrecySettings),
        ("A portal's `[lake]`", PortalLake),
        ("A lake's engine, `--lake-config FILE`", LakeConfig),
        ("A lake's `[spark]`; a portal's `[lake.spark]`", SparkSettings),
        ("A registry's `[[sensor]]`", RegisteredSensor),
        ("A registry's `[[sensor.block]]`", RegisteredBlock),
    ):
        rows = [
            f"| `{name}` | {_default(field)} | {_meaning(model, name)} |" for name, field in model.model_fields.items()
        ]
        parts.append("\n".join([f"## {title}", "", "| key | default | meaning |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def _meaning(model: Any, name: str) -> str:
    """A key's description, or what the model's docstring says of it."""
    said = model.model_fields[name].description
    if said is None:
        found = re.search(rf"`{name}`: (.*?)(?:; `|\.$)", " ".join(model.__doc__.split()))
        assert found is not None, f"{model.__name__}.{name} is described nowhere"
        said = found[1]
    return str(said)


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is dict:
        return "none"
    if field.default_factory is not None:
        return "see below"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if field.default is None or field.default == ():
        return "none"
    size = field.default if isinstance(field.default, int) else 0
    if size and size % (1 << 20) == 0:
        return f'`"{size >> 20}M"`'
    return f'`"{field.default}"`' if isinstance(field.default, str) else f"`{field.default}`"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def simulate() -> str:
    """docs/simulate.md, with what stands between its marks written anew."""
    parts = {
        "keys": _keys, "payloads": _payloads, "personas": _personas, "worms": _worms, "scenarios": _scenarios,
    }  # fmt: skip
    page = (DOCS / "simulate.md").read_text()
    for name, make in parts.items():
        begin = page.index(mark := f"<!-- {name}: written by make docs -->\n") + len(mark)
        page = page[:begin] + "\n" + make() + "\n\n" + page[page.index("<!-- end -->", begin) :]
    return page


def metrics() -> str:
    """docs/metrics.md, with its table of all metrics written anew."""
    page = (DOCS / "metrics.md").read_text()
    begin = page.index(mark := "<!-- metrics: written by make docs -->\n") + len(mark)
    return page[:begin] + "\n" + _metrics() + "\n\n" + page[page.index("<!-- end -->", begin) :]


def _metrics() -> str:
    parts = []
    for title, families in daemons_metrics().items():
        rows = [(f"`{name}`", kind, help.replace("|", "/")) for name, kind, help in families]
        parts.append(f"### {title}\n\n" + _table(("metric", "kind", "of what"), rows))
    return "\n\n".join(parts)


def daemons_metrics() -> dict[str, list[tuple[str, str, str]]]:
    """(name with labels, kind, meaning) of each metric, by daemon, as the code makes them."""
    from ims.link.contract import Hello
    from ims.portal.api.task_queue import TaskQueue
    from ims.portal.metrics import PortalMetrics
    from ims.queryd.metrics import QuerydMetrics
    from ims.queryd.thread_queue import ThreadQueue
    from ims.sensor.metrics import registry_of
    from ims.sensor.state import State

    queryd, portal = QuerydMetrics(), PortalMetrics()
    queryd.watch(ThreadQueue(1, 1, 1), 1, lambda: 0, lambda: Hello(oldest=1, newest=1, program="", now=0))
    portal.watch(TaskQueue(1, 1), (), list, None, SimpleNamespace(written=0, held_back=0, lost=0))
    registries = {"A sensor": registry_of(State), "A query daemon": queryd.registry, "A portal": portal.registry}
    found: dict[str, list[tuple[str, str, str]]] = {}
    for title, registry in registries.items():
        collectors = [each for each in registry._collector_to_names if type(each).__name__ != "ProcessCollector"]
        rows = []
        for collector in collectors:
            for family in collector.collect():
                labels = getattr(collector, "_labelnames", ()) or getattr(family, "_labelnames", ())
                name = family.name + ("_total" if family.type == "counter" else "")
                rows.append((name + (f"{{{','.join(labels)}}}" if labels else ""), family.type, family.documentation))
        found[title] = sorted(rows)
    return found


def _keys() -> str:
    from ims.simulate.scenario import models
    from ims.simulate.scenario.scenario import Scenario

    tables: list[tuple[str, Any]] = [
        ("The scenario", Scenario), ("`[[block]]`", models.BlockModel),
        ("Every population, of any kind below", models.PopulationModel),
        ("`[[worm]]`", models.WormModel), ("`[[scanner]]`", models.ScannerModel), ("`[[attack]]`", models.AttackModel),
        ("`[[misconfiguration]]`", models.MisconfigurationModel), ("`[[background]]`", models.BackgroundModel),
        ("`service`", models.ServiceModel),
    ]  # fmt: skip
    parts = []
    for title, model in tables:
        shared = issubclass(model, models.PopulationModel) and model is not models.PopulationModel
        rows = [
            [f"`{name}`", _written(field), f"{field.description}{_choices(field)}"]
            for name, field in model.model_fields.items()
            if not (shared and name in models.PopulationModel.model_fields)
        ]
        parts.append(f"### {title}\n\n{_table(['key', 'default', 'meaning'], rows)}\n")
    return "\n".join(parts).rstrip()


def _choices(field: Any) -> str:
    """The words that a key may have."""
    literals = [field.annotation, *get_args(field.annotation)]
    words = [word for literal in literals if get_origin(literal) is Literal for word in get_args(literal)]
    return f": {', '.join(f'`{word}`' for word in words)}" if words else ""


def _written(field: Any) -> str:
    """A default as TOML; durations are kept in seconds."""
    if isinstance(field.default, dict) and field.default:
        return "`{ " + ", ".join(f"{_key(name)} = {weight:g}" for name, weight in field.default.items()) + " }`"
    if isinstance(field.default, float) and "Duration" not in str(field.annotation):
        duration = any(getattr(mark, "func", None) is not None for mark in field.metadata) and field.default < 10
        return f'`"{field.default:g}s"`' if duration else f"`{field.default:g}`"
    return "none" if field.default in (None, (), {}, "") else _default(field)


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else f'"{name}"'


def _payloads() -> str:
    from ims.simulate.scenario.payloads import NAMED

    rows = [[f"`{name}`", str(len(octets)), _octets(octets)] for name, octets in NAMED.items()]
    return _table(["word", "octets", "how it begins"], rows)


def _octets(octets: bytes) -> str:
    """The first octets: as text, if all are."""
    begin = octets[:16]
    text = all(32 <= octet < 127 and octet not in b"`|" for octet in begin.rstrip(b"\r\n"))
    return f"`{begin.rstrip(bytes([13, 10])).decode() if text else begin.hex(' ')}`"


def _personas() -> str:
    from ims.simulate.kernels.persona import PERSONAS

    marks = {
        "zmap": "IP ID 54321 (Durumeric et al., USENIX Security 2013)",
        "masscan": "IP ID is address, port and sequence number, exclusive or (its templ-pkt.c)",
        "mirai": "sequence number is the destination (Antonakakis et al., USENIX Security 2017)",
        "raw": "a raw socket of one's own",
    }  # fmt: skip
    rows = [
        [
            f"`{name}`",
            "; ".join(filter(None, (p.p0f, marks.get(name)))),
            str(p.ttl),
            str(p.window),
            f"`{p.options}`" if p.options else "none",
        ]
        for name, p in PERSONAS.items()
    ]
    return _table(["persona", "p0f's name, or its mark", "TTL", "window", "options (T: timestamps)"], rows)


def _worms() -> str:
    from ims.simulate.scenario import worms

    said = dict(re.findall(r"^\* ([a-z-]+): (.*?)(?=^\* |\Z)", str(worms.__doc__), re.M | re.S))
    rows = [[f"`{name}`", " ".join(said[name].split())] for name in worms.WORMS]
    return _table(["worm", "what it does, and who says so"], rows)


def _scenarios() -> str:
    from ims.simulate.scenario.scenario import read_scenario, scenario_names

    parts = []
    for name in scenario_names():
        scenario = read_scenario(name)
        size = scenario.darknet().size_24
        parts.append(
            f"### `{name}`\n\n{scenario.title}. From {scenario.start:%Y-%m-%d %H:%M} on, {_long(scenario.duration)}; "
            f"{size:,.0f} /24{'s' if size != 1 else ''}.\n\n{scenario.about.strip()}\n"
        )
    return "\n".join(parts).rstrip()


def _long(seconds: float) -> str:
    name, unit = next(
        (name, unit) for name, unit in (("day", 86_400), ("hour", 3600), ("second", 1)) if seconds >= unit
    )
    return f"{seconds / unit:g} {name}{'s' if seconds != unit else ''}"


def cli() -> str:
    """docs/cli.md: the help of every command, as `--help` prints it."""
    from ims.cli import app

    parts = ["# Command line\n\nWhat `--help` says. This page is written by `make docs`.\n"]
    for path, command in _walk(typer.main.get_command(app), ["ims"]):
        with command.context_class(
            command, info_name=" ".join(path), max_content_width=100, terminal_width=100
        ) as context:
            parts.append(f"## `{' '.join(path)}`\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


VERBS = """# Verbs

What can be asked of stores, a lake or a portal, in the same words on the [command line](cli.md), in Python and at the
[API](api.md). This page is written from the table in `src/ims/query/verbs.py` by `make docs`.

In Python each verb is a method of what `ims.open` gives, and of a portal's `ims.open("https://...", token=...)`: the
filter by place, the other words by name, as in `telescope.top("destination_port", "tcp", since="2026-03-04")`. At the
API it is `/api/v1/query/VERB`, with GET or POST. `ims query VERB --help` says the rest.
"""


def verbs() -> str:
    """docs/verbs.md."""
    from ims.query.verbs import VERBS as TABLE

    return "\n".join([VERBS, *map(_verb, TABLE.values())])


def _verb(verb: Any) -> str:
    rows = [f"| `{each.name}` | {_of_word(each, verb)} | {_linked(each.sentence)} |" for each in verb.parameters]
    group = "the column" if "column" in verb.by_name else "the group, if any"
    named = [group if name == "{group}" else f"`{name}`" for name in verb.columns or ()]
    columns = ", ".join(named) or "every column of [packets](records.md)"
    limits = [] if verb.rows is None else [f"It has at most {verb.rows:,} rows without a limit" + (
        f", and a limit may be at most {verb.most_rows:,}." if "limit" in verb.by_name else "."
    )]  # fmt: skip
    who = "Viewers are shown less of it, and later ([secrecy](secrecy.md))." if verb.viewers else "Not for viewers."
    lines = [
        f"## `{verb.name}`", "", _linked(" ".join([f"{verb.sentence}.", verb.detail])).strip(), "",
        "| word | default | meaning |", "|---|---|---|", *rows, "",
        " ".join([f"The answer's columns: {columns}.", *limits, who]), "", "```sh", *verb.commands, "```", "",
    ]  # fmt: skip
    return "\n".join(lines)


def analyses() -> str:
    """docs/analyses.md, with its list and each analysis's tables written anew."""
    from ims.analyse.analyses import ANALYSES

    rows = [(f"[`{name}`](#{name})", each.paper, f"{each.sentence}.") for name, each in ANALYSES.items()]
    parts = {"list": "\n".join(f"| {' | '.join(row)} |" for row in rows)}
    parts |= {name: f"\n{_analysis(each)}\n" for name, each in ANALYSES.items()}
    page = (DOCS / "analyses.md").read_text()
    for name, text in parts.items():
        begin = page.index(mark := f"<!-- {name}: written by make docs -->\n") + len(mark)
        page = page[:begin] + text + "\n" + page[page.index("<!-- end -->", begin) :]
    return page


def _analysis(analysis: Any) -> str:
    words = [
        (f"`{each.name}`", _of_word(each, None), _linked(each.sentence))
        for each in analysis.parameters
        if each.name not in ("filter", "since", "until")
    ]
    estimates = [(f"`{each.name}`", each.unit, each.sentence) for each in analysis.estimates]
    columns = [(f"`{each.name}`", each.kind, each.sentence) for each in analysis.columns]
    series = ", ".join(f"`{each.name}`" for each in analysis.series)
    tables = [("word", "default", "meaning"), words], [("estimate", "unit", "meaning"), estimates], [
        ("column of rows", "kind", "meaning"), columns,
    ]  # fmt: skip
    parts = [_table(head, rows) for head, rows in tables if rows]
    commands = "\n".join(["```sh", *analysis.commands, "```"])
    return "\n\n".join([*parts, f"Columns of `series`: {series}.", commands])


def _linked(text: str) -> str:
    """With the pages that a text names as links."""
    return re.sub(r"docs/(\w+)\.md", r"[docs/\1.md](\1.md)", text)


def _of_word(parameter: Any, verb: Any) -> str:
    if parameter.required:
        return "must be given"
    if parameter.name == "limit" and verb is not None:
        return f"`{verb.rows}`"
    return {None: "", False: "no"}.get(parameter.default, f"`{parameter.default}`")


def _walk(command: Any, path: list[str]) -> list[tuple[list[str], Any]]:
    found = [(path, command)]
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            found += _walk(child, [*path, name])
    return found


def main() -> int:
    """Write the pages."""
    for name, text in (
        ("records.md", records()),
        ("settings.md", settings()),
        ("cli.md", cli()),
        ("verbs.md", verbs()),
        ("analyses.md", analyses()),
        ("simulate.md", simulate()),
        ("metrics.md", metrics()),
    ):
        (DOCS / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
