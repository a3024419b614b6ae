"""The answer of every analysis, in one form: for people, as JSON, and as what its figure is drawn from."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.analyses import ANALYSES, functions
from ims.analyse.question import LEVEL, Analysis, Column, Kind
from ims.query.format.serialize import iso
from ims.text import printable, quantity

if TYPE_CHECKING:
    import pandas as pd

KINDS: Mapping[Kind, pa.DataType] = {
    "text": pa.string(), "moment": pa.timestamp("us", "UTC"), "count": pa.int64(), "number": pa.float64(),
}  # fmt: skip
SMALL = 16
"""Addresses of a darknet that is too small to be told in /24s."""
SHOWN_ROWS = 50
"""Of a table in a notebook."""
Value = float | datetime | None


def schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The columns of an analysis as Arrow's."""
    return pa.schema([(each.name, KINDS[each.kind]) for each in columns])


@dataclass(frozen=True)
class Estimate:
    """A value and an interval that holds the true one in `level` of all cases (1: bounds, in which chance has no part);
    moments where the unit is MOMENT. None: it can't be made, and a note of the result says why. An end that is None
    isn't bounded. `method`: how it is made."""

    value: Value
    low: Value
    high: Value
    unit: str
    method: str
    level: float = LEVEL

    def as_json(self) -> dict[str, Any] | None:
        """As in the API's answer: None where there is no value."""
        if self.value is None:
            return None
        ends = {name: _plain(getattr(self, name)) for name in ("value", "low", "high")}
        return {**ends, "level": self.level, "unit": self.unit, "method": self.method}


@dataclass(frozen=True)
class Gap:
    """Microseconds [since, until) of the result's range in which a block wasn't watched."""

    block: str
    since: int
    until: int


@dataclass(frozen=True)
class Darknet:
    """What an answer rests on. `addresses`: distinct ones, the mean over the moments at which any was watched;
    `frames_lost`: by capturing programs in the range."""

    addresses: float
    blocks: tuple[str, ...] = ()
    frames_lost: int = 0
    gaps: tuple[Gap, ...] = ()

    @property
    def slash24s(self) -> float:
        """The size in /24s."""
        return self.addresses / 256

    @property
    def size(self) -> str:
        """Its size and its blocks, as text."""
        if not self.blocks:
            return "nothing was watched"
        size = f"{self.slash24s:,.4g}" if self.slash24s < 1000 else f"{self.slash24s:,.0f}"
        size = f"{size} /24{'' if size == '1' else 's'}"
        if self.addresses < SMALL:
            size = f"{self.addresses:,.4g} address{'' if self.addresses == 1 else 'es'}"
        named = ", ".join(map(printable, self.blocks[:8]))
        return f"{size} watched: {named}" + (f" and {len(self.blocks) - 8} more" if len(self.blocks) > 8 else "")


@dataclass(frozen=True)
class Result:
    """The answer. `filter`: as it was given; `since`, `until`: microseconds, of the question or else of what was
    watched; `options`: the other words of the question; `rows`, `series`: in the columns of the analysis; `notes`: what
    was assumed, and what is missing, a sentence each."""

    question: str
    filter: str | None
    since: int | None
    until: int | None
    darknet: Darknet
    options: Mapping[str, Any] = field(default_factory=dict)
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    rows: pa.Table = None
    series: pa.Table = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, columns in (("rows", self.analysis.columns), ("series", self.analysis.series)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, pa.Table.from_batches([], schema(columns)))

    @property
    def analysis(self) -> Analysis:
        """What was asked."""
        return ANALYSES[self.question]

    @property
    def range(self) -> str:
        """The range, as text."""
        if self.since is None or self.until is None:
            return "no time"
        return f"{_short(self.since)} to {_short(self.until)} UTC"

    def __repr__(self) -> str:
        named = ", ".join(
            f"{printable(name)} {interval_text(each.value, each.low, each.high)}"
            for name, each in self.estimates.items()
        )
        return f"<Result of {self.question}: {named}; {quantity(len(self.rows), 'row')}; {self.darknet.size}>"

    def figure(self) -> Any:
        """The figure, as Altair's chart; None where there is nothing to draw."""
        return functions(self.analysis).figure(self)

    def plot(self, width: int = 80, unicode: bool = True) -> str | None:
        """The figure as text of at most `width` columns; None where there is nothing to draw."""
        drawn: str | None = functions(self.analysis).plot(self, width, unicode)
        return drawn

    def save(self, path: str | Path) -> None:
        """Write the figure to a file, by its ending: png, svg, pdf, html, or json (Vega-Lite).

        Raises ValueError for another ending, and where there is nothing to draw; OSError names the file.
        """
        from ims.figures.figure_file import figure_format, write_figure

        figure_format(path)
        chart = self.figure()
        if chart is None:
            raise ValueError(f"there is nothing to draw: {'; '.join(self.notes) or 'no rows'}")
        write_figure(chart, path)

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame."""
        return self.rows.to_pandas()

    def as_json(self) -> dict[str, Any]:
        """All but rows and series, as the API has it."""
        gaps = [{"block": gap.block, "since": _iso(gap.since), "until": _iso(gap.until)} for gap in self.darknet.gaps]
        return {
            "question": self.question,
            "filter": self.filter,
            "since": _iso(self.since),
            "until": _iso(self.until),
            "options": dict(self.options),
            "darknet": {
                "addresses": _whole(self.darknet.addresses),
                "slash24s": _whole(self.darknet.slash24s),
                "blocks": list(self.darknet.blocks),
                "frames_lost": self.darknet.frames_lost,
                "gaps": gaps,
            },
            "estimates": {name: each.as_json() for name, each in self.estimates.items()},
            "notes": list(self.notes),
        }

    def json_pieces(self, rows: int = 1000) -> Iterator[str]:
        """The one object as text in ASCII, `rows` rows of a table at a time."""
        head = json.dumps(self.as_json(), allow_nan=False)
        yield head[:-1]
        for name, table in (("rows", self.rows), ("series", self.series)):
            yield f', "{name}": ['
            for at in range(0, len(table), rows):
                yield (", " if at else "") + json.dumps(_json_rows(table.slice(at, rows)), allow_nan=False)[1:-1]
            yield "]"
        yield "}"

    def to_json(self) -> str:
        """The one object, as the command line prints it and the API sends it."""
        return "".join(self.json_pieces())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """For notebooks: the figure above the tables."""
        from ims.figures.figure_file import svg

        chart = self.figure()
        drawn = "" if chart is None else f"<div>{svg(chart)}</div>"
        return {"text/html": drawn + self._tables(), "text/plain": repr(self)}

    def _tables(self) -> str:
        estimates = [
            {"estimate": name, "value": interval_text(each.value, each.low, each.high), "unit": each.unit}
            for name, each in self.estimates.items()
        ]
        rows = arrow.rows(self.rows.slice(0, SHOWN_ROWS))
        more = [f"{quantity(len(self.rows), 'row')}, the first {SHOWN_ROWS} shown"] * (len(self.rows) > SHOWN_ROWS)
        foot = html.escape(" · ".join([self.range, self.darknet.size, *more, *self.notes]))
        return f"{_table(estimates)}{_table(rows)}<p><small>{foot}</small></p>"


def _json_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows whose moments are text, formatted by Arrow: half a million rows take 2 s, by Python 6 s."""
    for number, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            text = pc.strftime(table.column(number).cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%SZ")
            table = table.set_column(number, column.name, text)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _iso(micros: int | None) -> str | None:
    return None if micros is None else iso(arrow.EPOCH + timedelta(microseconds=micros))


def _short(micros: int) -> str:
    """A moment to the second, without what is 0 at its end."""
    text = f"{arrow.EPOCH + timedelta(microseconds=micros):%Y-%m-%d %H:%M:%S}"
    return text.removesuffix(":00").removesuffix(" 00:00")


def _plain(value: Value) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return value if value is None or math.isfinite(value) else None


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def interval_text(value: Value, low: Value, high: Value, unit: str = "") -> str:
    """A value with its interval, for people: 0.955 (0.944 to 0.967), 2.31 h (2.2 to 2.45)."""
    if value is None:
        return "not known"
    if low is None and high is None:
        return f"{_short_value(value)}{unit and f' {unit}'}"
    ends = ["no bound" if end is None else _short_value(end) for end in (low, high)]
    return f"{_short_value(value)}{unit and f' {unit}'} ({ends[0]} to {ends[1]})"


def _short_value(value: float | datetime) -> str:
    """Three digits; those of numbers from a thousand on are filled up with zeros: 41,200."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if 1000 <= abs(rounded) < 1e15 else f"{value:.3g}"


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = "".join(f"<tr>{''.join(map(_cell, row.values()))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:,.4g}" if isinstance(value, float) else str(value)
    return f"<td>{html.escape(printable(text))}</td>"
