"""Answers on a terminal or in a pipe: table, JSON or CSV, with nothing that a terminal or a spreadsheet obeys."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ims.cli.stderr import warn
from ims.query.format.serialize import csv_lines, json_row, json_value
from ims.text import printable

WIDE = 10_000
NOTHING = "nothing found"
KEEPING = "set IMS_CACHE_DIR to a folder that can be written to, to keep it"
KEPT_BY_ROOT = "acting as another user, root's command reads compiled kernels from /var/cache/ims alone"


def print_rows(
    rows: Sequence[Mapping[str, Any]], format: str, one: bool = False, names: Sequence[str] = (), none: str = NOTHING
) -> None:
    """Print rows; `one`: in JSON as one object, in a table as names and values. `names`: CSV's header if there are no
    rows; `none`: what a table without rows says."""
    if format == "json":
        print(json_row(rows[0]) if one else f"[{', '.join(map(json_row, rows))}]")
    elif format == "csv":
        sys.stdout.write(csv_lines(rows, list(rows[0]) if rows else names))
    else:
        rows = [{"": name, "value": _shown(value, name)} for name, value in rows[0].items()] if one else rows
        _print_table(rows, none)


def _print_table(rows: Sequence[Mapping[str, Any]], none: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ims.cli.narrow_table import narrow_lines

    console = Console(width=WIDE, markup=False, highlight=False, emoji=False)
    if not rows:
        console.print(Text(none, style="dim"))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    names = list(rows[0])
    right = [isinstance(value, int | float) and not isinstance(value, bool) for value in rows[0].values()]
    for name, is_right in zip(names, right, strict=True):
        table.add_column(Text(name), justify="right" if is_right else "left", no_wrap=True)
    cells = [[_shown(value, name) for name, value in row.items()] for row in rows]
    for row_cells in cells:
        table.add_row(*map(Text, row_cells))
    room, needed = room_for_tables(), table.__rich_measure__(console, console.options).maximum
    if room is None or needed <= room:
        console.print(table)
        return
    print("\n".join(narrow_lines(names, cells, right, room, "-" if console.options.ascii_only else "─")))
    warn(f"a row takes several lines in {room} columns; {needed} have room for one, and --format json names each value")


def room_for_tables() -> int | None:
    """The width of the terminal, or as COLUMNS says; None for a file or a pipe: no limit."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


COUNTS = frozenset({
    "value", "low", "high", "packets", "bytes", "sources", "destinations", "payloads", "signatures", "hits",
    "frames_lost", "payloads_lost", "payloads_without_icmp_errors", "hits_without_icmp_errors",
})  # fmt: skip
"""Columns whose numbers are counts, which get separators. A port or a sequence number doesn't."""


def _shown(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if name.removesuffix("_low").removesuffix("_high") in COUNTS else str(value)
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"
    if isinstance(value, list | tuple):
        return " ".join(printable(str(item)) for item in value)
    if isinstance(value, datetime) and not hasattr(value, "nanosecond"):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")  # the fraction is in JSON and CSV; packets keep theirs
    # Only our hexdumps have several lines.
    return "\n".join(printable(line) for line in str(json_value(value)).split("\n"))


def announce_compiling() -> None:
    """Print a line on standard error when a kernel must be compiled: otherwise the command seems to hang."""
    from numba.core import event

    from ims.kernel_folder import NONE
    from ims.kernels import are_kept, why_compiled

    class Announce(event.Listener):  # type: ignore[misc]
        is_announced = False

        def on_start(self, event: Any) -> None:
            if not self.is_announced:
                self.is_announced = True
                if os.environ.get("IMS_CACHE_DIR") == NONE:
                    times = f"each time: {KEPT_BY_ROOT}"
                else:
                    times = "once" if are_kept() else f"each time: {KEEPING}"
                why = why_compiled()
                line = f"compiling for this processor, which takes up to half a minute, {times}"
                print(f"ims: {line}" + (f"; {why}" if why else ""), file=sys.stderr)

        def on_end(self, event: Any) -> None:
            """Nothing to print."""

    event.register("numba:compile", Announce())
