"""What `cache` asks: packets with payloads, and new ones, by block and bin; then what came in the dips that these show.

A role that isn't shown blocks gets all of them together, from the verb `cache`; dips aren't looked for there, as what
is shown of it carries noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.cache.causes import NEW, PAYLOAD, Cause, causes_of, new_by_port
from ims.analyse.cache.dips import Dip, Usual, dips_of, usual_of
from ims.analyse.options import Options
from ims.query.errors import NotShownError
from ims.query.language.syntax_tree import Named
from ims.query.moment import CALENDAR_US

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence

Array = np.ndarray[Any, Any]
ALL = "all"
MOST_EXPLAINED = 10
"""Dips, with the most new payloads, of which causes are asked for: each takes some five questions."""
MOST_PORTS = 1000
"""Of a block, with the most new payloads in the whole range, whose usual number is known; others have none."""


@dataclass(frozen=True)
class Bins:
    """The watched bins of a block, in order: begin (microseconds), seconds watched, packets with a payload and those
    whose payload was new; where noise is shown, what holds the true hit rate (else None)."""

    block: str
    time: Array
    seconds: Array
    payloads: Array
    new: Array
    ends: tuple[Array, Array] | None = None


@dataclass(frozen=True)
class Explained:
    """A dip of a block, in microseconds [since, until). `more`: new payloads beyond those of a usual time as long, of
    which there may be none, if old payloads no longer come; `causes`: None where they weren't asked for."""

    dip: Dip
    since: int
    until: int
    more: float = 0.0
    causes: Sequence[Cause] | None = None


@dataclass(frozen=True)
class Data:
    """Bins of each block and what is usual in them, dips of each, the bins' width in microseconds; `is_shown`: whether
    the role is shown what tells dips."""

    blocks: Sequence[Bins]
    width: int
    usual: Mapping[str, Usual] = field(default_factory=dict)
    dips: Mapping[str, Sequence[Explained]] = field(default_factory=dict)
    is_shown: bool = True


def data(evidence: Evidence, options: Options) -> Data:
    """Bins of each block, its dips, and what caused them."""
    width = options.values["bin"]
    try:
        blocks = _blocks(evidence, width)
    except NotShownError:
        return Data([_together(evidence, width)], evidence.width, is_shown=False)
    usual = {each.block: usual_of(each.time, each.payloads, each.new, width, each.seconds) for each in blocks}
    tests = sum(int(np.isfinite(usual[each.block].share).sum()) for each in blocks)
    ends = evidence.since or 0, evidence.until or CALENDAR_US[1]
    found = {each.block: _dips(each, usual[each.block], tests, width, ends) for each in blocks}
    return Data(blocks, width, usual, _explained(evidence, blocks, found))


def _blocks(evidence: Evidence, width: int) -> list[Bins]:
    payloads, new = (evidence.narrowed(each).series(width, "block") for each in (PAYLOAD, NEW))
    sizes = evidence.darknet(width).sort_by([("block", "ascending"), ("time", "ascending")])
    names, times = np.array(sizes.column("block").to_pylist(), object), arrow.numbers(sizes.column("time"))
    seconds = arrow.floats(sizes.column("seconds"))
    counts = [_by_place(table) for table in (payloads, new)]
    edges = np.flatnonzero(np.r_[True, names[1:] != names[:-1], True]) if len(names) else np.empty(0, np.int64)
    named, found = evidence.watches().by_block, []
    for begin, end in pairwise(edges.tolist()):
        block, time = names[begin], times[begin:end]
        if block in named:
            values = [np.array([each.get((block, at), 0) for at in time.tolist()], np.float64) for each in counts]
            found.append(Bins(block, time, seconds[begin:end], values[0], values[1]))
    return found


def _by_place(table: pa.Table) -> dict[tuple[str, int], int]:
    times = arrow.numbers(table.column("time")).tolist()
    places = zip(table.column("block").to_pylist(), times, strict=True)
    return dict(zip(places, table.column("value").to_pylist(), strict=True))


def _together(evidence: Evidence, width: int) -> Bins:
    """All blocks, with what holds the hit rate where noise is shown."""
    table = evidence.ask("cache", "the hit rate", filter=evidence.request.filter, bin=width).table
    sizes = evidence.darknet(evidence.width, None).select(["time", "seconds"])
    table = table.join(sizes, "time", join_type="inner").sort_by("time")
    time, seconds = arrow.numbers(table.column("time")), arrow.floats(table.column("seconds"))
    payloads, hits = (arrow.floats(table.column(name)) for name in ("payloads", "hits"))
    ends = None
    if "payloads_low" in table.column_names:
        kept = [arrow.floats(table.column(name)) for name in ("hits_low", "payloads_high", "hits_high", "payloads_low")]
        ends = _share(kept[0], kept[1]), np.minimum(1.0, _share(kept[2], kept[3], beyond=1.0))
    return Bins(ALL, time, seconds, payloads, np.maximum(payloads - hits, 0), ends)


def _share(part: Array, whole: Array, beyond: float = 0.0) -> Array:
    shares: Array = np.divide(part, whole, out=np.full(len(part), beyond), where=whole > 0)
    return shares


def _dips(bins: Bins, usual: Usual, tests: int, width: int, ends: tuple[int, int]) -> list[Explained]:
    """The dips of a block. `ends`: of the range, in which a bin may begin before or end after it."""
    found = []
    for dip in dips_of(bins.payloads, bins.new, usual, tests):
        since, until = int(bins.time[dip.first]), int(bins.time[dip.last]) + width
        found.append(Explained(dip, max(since, ends[0]), min(until, ends[1])))
    return found


def _explained(
    evidence: Evidence, blocks: Sequence[Bins], dips: Mapping[str, list[Explained]]
) -> dict[str, list[Explained]]:
    """The largest dips with their causes."""
    places = [(block, number) for block, each in dips.items() for number in range(len(each))]
    places.sort(key=lambda place: -dips[place[0]][place[1]].dip.excess)
    chosen = places[:MOST_EXPLAINED]
    found = {block: list(each) for block, each in dips.items()}
    for bins in blocks:
        numbers = sorted(number for block, number in chosen if block == bins.block)
        if numbers:
            explained = _of_block(evidence, bins, [dips[bins.block][number] for number in numbers])
            for number, dip in zip(numbers, explained, strict=True):
                found[bins.block][number] = dip
    return found


def _of_block(evidence: Evidence, bins: Bins, dips: Sequence[Explained]) -> list[Explained]:
    """Dips of a block with their causes. What is usual at a port is what was new there outside of dips, in a second, or
    by its part of all that was: the greater of both, as more is new after midnight, and fewer old payloads don't make
    any port's new ones more."""
    whole = evidence.narrowed(Named("block", bins.block))
    parts = [whole.narrowed(since=dip.since, until=dip.until) for dip in dips]
    every, *inside = (new_by_port(each, MOST_PORTS) for each in (whole, *parts))
    in_dips = [slice(dip.dip.first, dip.dip.last + 1) for dip in dips]
    seconds = [float(bins.seconds[each].sum()) for each in in_dips]
    new = [float(bins.new[each].sum()) for each in in_dips]
    rest = max(float(bins.seconds.sum()) - sum(seconds), 1.0)
    outside = float(bins.new.sum()) - sum(new)
    elsewhere = {port: max(value - sum(each.get(port, 0.0) for each in inside), 0.0) for port, value in every.items()}
    found = []
    for dip, part, ports, length, came in zip(dips, parts, inside, seconds, new, strict=True):
        factor = max(length / rest, max(came - dip.dip.excess, 0.0) / max(outside, 1.0))
        usual = {port: value * factor for port, value in elsewhere.items()}
        causes = causes_of(part, ports, usual, dip.dip.excess)
        found.append(replace(dip, more=came - outside * length / rest, causes=causes))
    return found
