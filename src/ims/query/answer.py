"""An answer: a table of printable values, and the record of how it was made.

Addresses are dotted, prefixes are CIDR, times are timestamps in UTC. The record has the stores and sensors, the size of
the darknet, and what is known to be missing.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ims import arrow
from ims.text import printable, quantity

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_NARROWER = "a wider --bin, or a shorter time (--since, --until), has all of its rows"
MORE = {
    "cache": _NARROWER,
    "storage": _NARROWER,
    "darknet": f"--limit N gives more; {_NARROWER}",
    "local": "a filter of some blocks, or a shorter time (--since, --until), has all of its rows",
}
"""Advice where rows were left out, for verbs whose rows aren't of packets, or without the option --limit."""


@dataclass(frozen=True)
class AnswerRecord:
    """How an answer was made. `sensors`: whose rows these are; `asked`, `silent` (why) and `took` (seconds of each): a
    portal's sensors, `took` and the exact `seconds` for operators only. `darknet_24s`: size of the watched darknet in
    /24s, the mean over the watched moments of the range; `frames_lost`, `payloads_lost`: known losses of the range's
    captures. `limit`: the most rows, where more match: `matching`, or `at_least` so many; else 0. `bins_left_out`: bins
    without packets that a series omits, being too many. `verb`: empty if a portal of an earlier version answered.
    `losing`: what sensors are losing now, which coverage has only later. `withheld`: a line for each kind of thing that
    the user's role doesn't see; by rule, whether there is any or not. `since`, `until`: of the answered range, as ISO
    8601, where it is limited; `bin_seconds`: width of the answered bins, 0 without any. A role may be shown a shorter
    range and wider bins than it asked for."""

    stores: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    silent: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    darknet_24s: float = 0.0
    frames_lost: int = 0
    payloads_lost: int = 0
    asked: tuple[str, ...] = ()
    took: dict[str, float] = field(default_factory=dict)
    limit: int = 0
    matching: int = 0
    at_least: bool = False
    bins_left_out: int = 0
    verb: str = ""
    losing: dict[str, str] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    bin_seconds: float = 0.0

    @property
    def darkness(self) -> str:
        """The darknet's size and the sensors, as text."""
        size = f"{self.darknet_24s:,.4g}" if self.darknet_24s < 1000 else f"{self.darknet_24s:,.0f}"
        named = ", ".join(self.sensors[:8]) + (f" and {len(self.sensors) - 8} more" if len(self.sensors) > 8 else "")
        return f"{size} /24{'' if size == '1' else 's'} watched by {named or 'no sensor'}"

    @property
    def losses(self) -> list[str]:
        """One line for each thing that is missing."""
        lines = [f"{sensor} did not answer: {why}" for sensor, why in self.silent.items()]
        lines += [f"{sensor} {what}" for sensor, what in self.losing.items()]
        if self.frames_lost:
            lines.append(f"{quantity(self.frames_lost, 'packet')} lost here by the capturing programs")
        if self.payloads_lost:
            lost = quantity(self.payloads_lost, "payload")
            lines.append(f"{lost} lost here: the cache was full and the budget spent")
        return lines

    @property
    def left_out(self) -> list[str]:
        """One line for each kind of omitted rows."""
        lines = []
        if self.limit:
            of = f"{'at least ' if self.at_least else ''}{self.matching:,}"
            more = MORE.get(self.verb, "--limit N gives more; ims export, all packets")
            lines.append(f"only the first {self.limit:,} of {of} rows: {more}")
        if self.bins_left_out:
            lines.append(f"{quantity(self.bins_left_out, 'bin')} without packets left out; a wider --bin shows 0 there")
        return lines

    @property
    def notes(self) -> list[str]:
        """What a reader of the rows has to know, a line each."""
        return [*self.losses, *self.left_out, *self.withheld]


class Answer:
    """Rows and their record; pandas, Polars, DuckDB and others read it as an Arrow stream."""

    def __init__(self, table: pa.Table, record: AnswerRecord) -> None:
        self.table = table
        self.record = record

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        left_out = "".join(f"; {line}" for line in (*self.record.left_out, *self.record.withheld))
        return f"<Answer of {quantity(len(self), 'row')}: {', '.join(self.table.column_names)}{left_out}>"

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)

    def rows(self) -> list[dict[str, Any]]:
        """The rows as dicts; times are datetimes, with nanoseconds pandas' Timestamps."""
        return arrow.rows(self.table)

    def to_pandas(self) -> pd.DataFrame:
        """As a pandas DataFrame."""
        return self.table.to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """As a Polars DataFrame."""
        import polars

        return polars.DataFrame(polars.from_arrow(self.table))

    def _repr_html_(self) -> str:
        shown = arrow.rows(self.table.slice(0, 50))
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.table.column_names)
        body = "".join(f"<tr>{''.join(map(_cell, row.values()))}</tr>" for row in shown)
        notes = [quantity(len(self), "row") + (", the first 50 shown" if len(self) > len(shown) else "")]
        notes += [self.record.darkness, *self.record.notes]
        foot = html.escape(" · ".join(notes))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p><small>{foot}</small></p>"


def _cell(value: Any) -> str:
    return f"<td>{'' if value is None else html.escape(printable(str(value)))}</td>"
