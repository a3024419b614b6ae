"""How long payloads took to the second and the third place: from the verb's rows to times that survival.py takes.

Rows are of all payloads that began in one bin at one place, so each counts as come in the middle of its bin. A delay is
known to a second. A place that wasn't watched when a payload began can't say that it came late: the payload counts as
unseen from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.new_payloads.campaigns import Begins
from ims.analyse.new_payloads.survival import Times
from ims.settings.durations import SECOND_US

if TYPE_CHECKING:
    from ims.analyse.new_payloads.data import Data

Array = np.ndarray[Any, Any]
FOLLOWERS = ("second", "third")
HALF_A_SECOND = 0.5
"""In the middle of the second that a delay is known to."""


def times_of(data: Data, which: str, known: Array) -> Times:
    """Times to the second or the third place, of those rows that are `known`: bool (rows,)."""
    table = data.novelty.filter(arrow.column(known, pa.bool_()))
    began = np.minimum(arrow.numbers(table.column("time")) + data.width // 2, data.range.until - 1)
    began = np.maximum(began, data.range.since)
    first = np.array(table.column("place").to_pylist(), object)
    next_one = np.array(table.column(which).to_pylist(), object)
    delay = arrow.floats(table.column(f"{which}_delay")) + HALF_A_SECOND
    number = arrow.floats(table.column("payloads"))
    left = np.maximum((data.range.until - began) / SECOND_US, HALF_A_SECOND)
    came = ~np.isnan(delay)
    told = came & _was_watched(data, next_one, began, delay)
    stop = np.where(came, delay, left)
    bins = np.maximum((began - data.range.since) // data.width, 0)
    risks = [*_risks(data, first, began, stop, number, bins)]
    parts = [np.concatenate(each) for each in zip(*risks, strict=True)] if risks else _nothing()
    since, until, weight, of_risks = parts
    # Within its bin a payload may have come while nobody else was watched, as it seems: it was seen, so it could be.
    since, until, weight = (
        np.r_[since, np.nextafter(delay[told], 0)], np.r_[until, delay[told]], np.r_[weight, np.zeros(told.sum())]
    )  # fmt: skip
    count = -(-(data.range.until - data.range.since) // data.width)
    begins = Begins(np.r_[of_risks, bins[told]], bins[told], count)
    left = np.maximum(left, np.nan_to_num(delay))
    return Times(since, until, weight, delay[told], number[told], left, number, begins)


def _was_watched(data: Data, place: Array, began: Array, delay: Array) -> Array:
    """Whether the next place was watched when a payload began, or within its bin."""
    found = np.zeros(len(place), np.bool_)
    for name in {each for each in place.tolist() if each is not None}:
        mine = place == name
        middle = began[mine]
        end = np.minimum(middle + data.width // 2, middle + (delay[mine] * SECOND_US).astype(np.int64))
        found[mine] = data.watch.is_watched(name, middle) | data.watch.is_watched(name, end)
    return found


def _risks(
    data: Data, first: Array, began: Array, stop: Array, number: Array, bins: Array
) -> Iterator[tuple[Array, Array, Array, Array]]:
    """While others were watched, since each began and until it came to another place or the range ended."""
    for name in sorted(set(first.tolist())):
        mine = first == name
        for begin, end in data.watch.others(name):
            since = np.maximum((begin - began[mine]) / SECOND_US, 0.0)
            until = np.minimum((end - began[mine]) / SECOND_US, stop[mine])
            kept = since < until
            if kept.any():
                yield since[kept], until[kept], number[mine][kept], bins[mine][kept]


def _nothing() -> list[Array]:
    return [np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.int64)]


def span(seconds: float) -> str:
    """A delay, for people: 41 s, 4.9 h."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
