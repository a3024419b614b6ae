"""Writes docs/records.md, docs/settings.md and docs/cli.md from the code, so that they can't say anything else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

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
    "packets": "One row for every packet to a monitored address.",
    "payloads": "One row for every payload that was new, per sensor and UTC day. A second payload with the same "
    "MD5 has a row of its own.",
    "frames_raw": "What the columns of `packets` can't express, byte for byte: IP options, lengths that lie, wrong "
    "or unverifiable checksums, reserved bits, a second payload with the same MD5.",
    "coverage": "What was watched, and when: one row for each block and uninterrupted period.",
}


def records() -> str:
    """docs/records.md."""
    parts = [RECORDS]
    for name, columns in TABLES.items():
        rows = [f"| `{c.name}` | {_type(c)} | {c.meaning} |" for c in columns]
        head = [f"## `{name}`", "", INTRODUCTIONS[name], "", "| column | type | meaning |", "|---|---|---|"]
        parts.append("\n".join([*head, *rows, ""]))
    return "\n".join(parts)


def _type(column: Column) -> str:
    kind = column.arrow.replace("[", " ").replace("]", "").replace("_", " ")
    return kind if column.layer == 0 else f"{kind}, null"


SETTINGS = """# Settings of a sensor

What `ims sensor --config FILE` reads, in TOML; [A live sensor](sensor.md) has examples. This page is written from
`src/ims/config.py` by `make docs`. Sizes are bytes, or strings such as `"256M"`; `SIGHUP` changes only `block`,
`exclude` and `private_sources`.
"""


def settings() -> str:
    """docs/settings.md."""
    from ims.config import BlockConfig, SensorConfig

    parts = [SETTINGS]
    for title, model in (("The sensor", SensorConfig), ("Each `[[block]]`", BlockConfig)):
        rows = [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in model.model_fields.items()]
        parts.append("\n".join([f"## {title}", "", "| key | default | meaning |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def _default(field: Any) -> str:
    if field.is_required():
        return "wanted"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if field.default is None or field.default == ():
        return "none"
    size = field.default if isinstance(field.default, int) else 0
    if size and size % (1 << 20) == 0:
        return f'`"{size >> 20}M"`'
    return f'`"{field.default}"`' if isinstance(field.default, str) else f"`{field.default}`"


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


def _walk(command: Any, path: list[str]) -> list[tuple[list[str], Any]]:
    found = [(path, command)]
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            found += _walk(child, [*path, name])
    return found


def main() -> int:
    """Write the pages."""
    for name, text in (("records.md", records()), ("settings.md", settings()), ("cli.md", cli())):
        (DOCS / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
