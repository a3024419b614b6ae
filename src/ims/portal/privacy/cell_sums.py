"""A viewer's question answered by published cells: each gets its noise, and they are summed into the answer's rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ims.portal.privacy.cells import CACHE, SOURCE_BITS, Cells, View, metrics_of, questions, view_of
from ims.portal.privacy.noise import Noise
from ims.portal.privacy.published_periods import published_space
from ims.portal.privacy.query_policy import NarrowedRequest
from ims.query.answer import Answer, AnswerRecord
from ims.query.bins import bin_begin
from ims.query.darkspace import DarkSpace
from ims.query.errors import QuestionError
from ims.query.format.display import dotted
from ims.query.request import Request

MOST_CELLS = 1_000_000  # published cells that one answer may be the sum of: three seconds of a processor
Put = Callable[[Request], Answer]
Row = tuple[int, Any]
"""The begin of a bin of the answer, and the group's value; 0 and None where there are none."""


@dataclass
class Sum:
    """Sum and number of the published cells of a row."""

    value: int = 0
    shown: int = 0


@dataclass(frozen=True)
class CellSums:
    """`sums`: of each metric the rows that have published cells. `cells`: those of a row, published or not. `space`:
    what was watched."""

    view: View
    sums: Mapping[str, Mapping[Row, Sum]]
    cells: int
    space: DarkSpace
    record: AnswerRecord


def cell_sums(request: NarrowedRequest, put: Put, noise: Noise, unit: int) -> CellSums:
    """The sums that answer a viewer's question, as the policy narrowed it. `put` asks the sensors; `unit`: the bin of
    published cells in microseconds. Raises QuestionError where there are too many cells, and what `put` raises."""
    view = view_of(request)
    watched = put(Request(verb="coverage", since=request.since, until=request.until))
    sums: dict[str, dict[Row, Sum]] = {metric: {} for metric in metrics_of(request, unit)}
    record, published = watched.record, 0
    for cells in questions(request, unit):
        answer = put(cells.request)
        record = _joined(record, answer.record)
        for metric in CACHE if cells.metric == "cache" else (cells.metric,):
            published += _add(sums[metric], answer.table, metric, cells, view, request, noise)
            if published > MOST_CELLS:
                raise QuestionError(
                    f"this is the sum of more than {MOST_CELLS:,} figures, the most for viewers; ask for a shorter time"
                )
    width = request.bin if request.verb in ("series", "cache") else (request.until or 0) - (request.since or 0)
    space = published_space(request, watched.table, unit)
    return CellSums(view, sums, width // unit * view.cells, space, replace(record, verb=request.verb))


def _add(
    sums: dict[Row, Sum], table: pa.Table, metric: str, cells: Cells, view: View, request: NarrowedRequest, noise: Noise
) -> int:
    """Add a table's cells, each with its noise; returns how many are published."""
    column = metric if cells.metric == "cache" else "value"
    table = table.filter(pc.greater_equal(table.column(column), noise.lowest(metric) - noise.most(metric)))
    group, binned, published = cells.request.group_name, request.verb in ("series", "cache"), 0
    keys = [view.key] * len(table) if group is None else table.column(group).to_pylist()
    begins = table.column("time").cast(pa.int64()).to_pylist()
    for begin, key, value in zip(begins, keys, table.column(column).to_pylist(), strict=True):
        if (group is not None and key is None) or not (request.since or 0) <= begin < (request.until or 0):
            continue
        noisy = noise.published(metric, f"{view.table} {cells.within} {key} {begin} {cells.request.bin}", value)
        if noisy is None:
            continue
        published += 1
        bin = bin_begin(begin, request.bin, request.origin or 0) if binned else 0
        row = sums.setdefault((bin, _prefix(key, view.bits) if view.table == "source" else key), Sum())
        row.value += noisy
        row.shown += 1
    return published


def _prefix(key: str | None, bits: int) -> str | None:
    """The prefix of `bits` bits that contains a /8."""
    if key is None or bits == SOURCE_BITS:
        return key
    first = int(key.partition(".")[0])
    return f"{dotted(first >> (SOURCE_BITS - bits) << (32 - bits))}/{bits}"


def _joined(record: AnswerRecord, other: AnswerRecord) -> AnswerRecord:
    """The record of two answers: who was silent to either was silent. The darknet's size is the first's."""
    took = {name: record.took.get(name, 0.0) + other.took.get(name, 0.0) for name in record.took | other.took}
    sensors, asked = {*record.sensors, *other.sensors}, {*record.asked, *other.asked}
    return replace(
        record, silent=record.silent | other.silent, sensors=tuple(sorted(sensors)), asked=tuple(sorted(asked)),
        seconds=record.seconds + other.seconds, took=took,
    )  # fmt: skip
