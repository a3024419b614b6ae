"""What new payloads are estimated from: how many came first in each bin at each place, those that came to the most
places, and what was watched, also before the range.

A store remembers from when it began to watch. What it sees for the first time on its first day may be years old, so the
range begins once so much of the past is known as `history` says; and a place that joins later counts from so long after
that it joined. Where that leaves next to nothing, it begins with the first watch: what came first since then is listed,
and nothing is said of how much of it is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.new_payloads.watch import SIDES, PlaceWatch, place_watch
from ims.query.bins import bin_begin, bin_origin
from ims.query.errors import QuestionError
from ims.query.verbs import MOST_ROWS

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence
    from ims.analyse.options import Options

Array = np.ndarray[Any, Any]
LATE = 0.9
"""Of `history`, which is enough: so the range can begin with a bin, also where captures begin some seconds apart. The
rest of it must be left to count in, so a store of a day has no estimates of its last minutes."""


@dataclass(frozen=True)
class Range:
    """Microseconds [since, until) of which it is told what came first; `began`: the first watch; `history`: what must
    be known of the past, 0 where `is_short`: it isn't known of any moment, or of the last ones alone."""

    since: int
    until: int
    began: int
    history: int
    is_short: bool = False


@dataclass(frozen=True)
class Data:
    """`range`, and who watched when. By bin and place that was watched: begin (microseconds), name, seconds, addresses,
    packets with payload, each (n,). `novelty`, `sightings`: the verbs' tables, the latter cut at its limit."""

    range: Range
    watch: PlaceWatch
    width: int
    by: str
    only: str | None
    time: Array
    place: Array
    seconds: Array
    addresses: Array
    packets: Array
    novelty: pa.Table
    sightings: pa.Table

    def is_known(self, place: Array, time: Array) -> Array:
        """Whether what comes first to places at some moments can be called new: a place that joined later knows too
        little of the past at first. Of a range that is short, everything counts. bool (n,)."""
        return np.asarray(time >= self.known_since(place.tolist()))

    def known_since(self, places: Sequence[str]) -> Array:
        """From when on what comes to each of these places can be called new: microseconds (n,)."""
        if self.range.is_short:
            return np.full(len(places), np.iinfo(np.int64).min)
        joined = [self.watch.began(name) if name in self.watch.periods else self.range.began for name in places]
        return np.array(joined, np.int64) + round(LATE * self.range.history)


def data(evidence: Evidence, options: Options) -> Data:
    """New payloads by bin and place, the most widespread ones, and what was watched."""
    width, by, only = (options.values[name] for name in ("bin", "by", "only"))
    if by not in SIDES:
        raise QuestionError(f"by {str(by)[:40]!r}: expected {' or '.join(SIDES)}")
    watch = place_watch(evidence.past(), options.request.filter, by)
    if (limit := options.values["limit"]) is not None and not 1 <= limit <= MOST_ROWS:
        raise QuestionError(f"limit {limit}: expected 1 to {MOST_ROWS:,} rows")
    if only is not None and only not in watch.periods:
        known = ", ".join(list(watch.periods)[:8])
        raise QuestionError(f"only {only[:40]!r}: no such {by} was watched; expected one of {known}")
    found = known_range(evidence, watch, options.values["history"], width)
    evidence.begin_at(found.since)
    new: dict[str, Any] = {
        "filter": options.request.filter, "group": by, "fresh": found.since,
        "since": max(found.since - found.history, found.began),
    }  # fmt: skip
    most = min(limit or MOST_ROWS, evidence.most_rows)
    novelty = evidence.ask("novelty", "payloads never seen before", bin=width, origin=bin_origin(width) or None, **new)
    sizes = evidence.darknet(width, by)
    time, place = arrow.numbers(sizes.column("time")), np.array(sizes.column(by).to_pylist(), object)
    sightings = evidence.ask("sightings", "where they came", may_lack=True, only=only, limit=most, **new)
    packets = _packets(evidence.series(width, by, "payloads"), time, place, by)
    seconds, addresses = (arrow.floats(sizes.column(name)) for name in ("seconds", "addresses"))
    return Data(found, watch, width, by, only, time, place, seconds, addresses, packets, novelty.table, sightings.table)


def known_range(evidence: Evidence, watch: PlaceWatch, history: int, width: int) -> Range:
    """The range of which it is known what is new."""
    began, until = watch.begin, evidence.until
    assert began is not None and until is not None
    known = bin_begin(began + history, width, bin_origin(width))
    if known < began + LATE * history:
        known = began + history
    asked = began if evidence.since is None else max(began, evidence.since)
    if asked < known and until < known + (1 - LATE) * history:
        return Range(asked, until, began, 0, is_short=True)
    return Range(max(known, asked), until, began, history)


def _packets(series: pa.Table, time: Array, place: Array, by: str) -> Array:
    """Packets with payload in each watched bin of a place."""
    came = zip(
        arrow.numbers(series.column("time")).tolist(), series.column(by).to_pylist(),
        series.column("value").to_pylist(), strict=True,
    )  # fmt: skip
    found = {(at, name): value for at, name, value in came}
    return np.array([found.get(key, 0) for key in zip(time.tolist(), place.tolist(), strict=True)], np.float64)
