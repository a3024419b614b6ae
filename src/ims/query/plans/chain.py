"""The plan of `chain`: sources that did steps one after the other.

A step's packet counts if the step before it arrived earlier, and by at most `within`. In bins of that width it is
enough to know the earliest and the latest packet of the step before: one in the same bin is near enough, and of the bin
before, the latest is the nearest. So each step is a grouping and two joins, whose rows are at most the step's packets,
whatever a source sends; a join of all pairs would grow with their square. (20 million packets, 121,685 of them of the
first step and 23,224 of the second, in a process that has asked before: 0.26 s.)

At one address, or at one sensor, each store finds its chains itself; anywhere, or where some of a sensor's packets are
elsewhere, stores send their steps' packets, of the first one only the earliest and the latest of each bin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import ibis

from ims.query.bins import bin_origin, since_a_bin_began
from ims.query.chain import Chain
from ims.query.plans.part import Parts, Rows, Table
from ims.query.plans.plan import Plan, Tables, selected
from ims.query.plans.predicate import predicate
from ims.query.request import Request

_KEYS: Mapping[str, Sequence[str]] = {
    "address": ("sensor", "source", "destination"), "sensor": ("sensor", "source"), "anywhere": ("source",),
}  # fmt: skip
"""What the packets of one chain have in common."""
_FIRST = "bounds"


def _steps(tables: Tables, request: Request, chain: Chain) -> list[Table]:
    """The packets of each step: its keys, `at` (microseconds) and signature."""
    packets = selected(tables, request)
    keys = _KEYS[chain.at]
    found = []
    for step in chain.steps:
        taken = packets.filter(predicate(step, packets, tables.payloads))
        found.append(taken.select(*keys, at=tables.micros(taken.time), signature=taken.signature))
    return found


def _begin(at: Any, width: int, origin: int = 0) -> Any:
    """Begin of the bin that a time is in. By a remainder: engines divide as floating-point numbers, which are 32
    microseconds apart there."""
    return at - (at + ibis.literal(since_a_bin_began(width, origin), "int64")) % ibis.literal(width, "int64")


def _bounds(packets: Table, keys: Sequence[str], within: int) -> Table:
    """The earliest and the latest packet of each key in each bin."""
    binned = packets.mutate(begin=_begin(packets["at"], within))
    return binned.group_by([*keys, "begin"]).agg(low=binned["at"].min(), high=binned["at"].max())


def _reached(bounds: Table, packets: Table, keys: Sequence[str], within: int) -> Table:
    """The packets that arrived after one of the step before, of which `bounds` are known, and soon enough."""
    packets = packets.mutate(begin=_begin(packets["at"], within))
    own = bounds.select(**{f"own_{key}": bounds[key] for key in keys}, own_begin=bounds.begin, earliest=bounds.low)
    found = packets.left_join(own, [packets[name] == own[f"own_{name}"] for name in (*keys, "begin")])
    found = found.select(*packets.columns, "earliest")
    next_one = {f"in_{key}": bounds[key] for key in keys} | {"in_begin": bounds.begin + ibis.literal(within, "int64")}
    before = bounds.select(**next_one, latest=bounds.high)
    found = found.left_join(before, [found[name] == before[f"in_{name}"] for name in (*keys, "begin")])
    soon = (found.earliest < found["at"]).fill_null(False)
    late = (found.latest >= found["at"] - ibis.literal(within, "int64")).fill_null(False)
    return found.filter(soon | late).select(*keys, "at", "signature")


def _done(bounds: Table, steps: Sequence[Table], keys: Sequence[str], within: int) -> Table:
    """The packets of the last step that end a chain. `bounds`: of the first step; `steps`: the others."""

    def follow(before: Table, packets: Table) -> Table:
        return _reached(_bounds(before, keys, within), packets, keys, within)

    return reduce(follow, steps[1:], _reached(bounds, steps[0], keys, within))


def _totals(done: Table, chain: Chain) -> Table:
    """When, and how often, a source ended a chain with a payload (in each bin)."""
    keys = ["source", "signature"]
    if chain.bin is not None:
        begin = _begin(done["at"], chain.bin, bin_origin(chain.bin))
        done, keys = done.mutate(begin=begin), [*keys, "begin"]
    return done.group_by(keys).agg(first=done["at"].min(), last=done["at"].max(), times=done.count())


def _partial(tables: Tables, request: Request) -> Parts:
    chain = _chain(request)
    first, *others = _steps(tables, request, chain)
    keys = _KEYS[chain.at]
    if chain.at == "anywhere" or chain.apart:
        parts: Parts = {_FIRST: Rows(_bounds(first, keys, chain.within))}
        return parts | {f"step_{number}": Rows(each) for number, each in enumerate(others, 2)}
    # Only those matter that take the last step, too: usually a few.
    last = others[-1].select(*keys).distinct()
    bounds = _bounds(first.semi_join(last, list(keys)), keys, chain.within)
    return {"values": Rows(_totals(_done(bounds, others, keys, chain.within), chain))}


def _merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    chain = _chain(request)
    if chain.at == "anywhere" or chain.apart:
        bounds, keys = parts[_FIRST], _KEYS[chain.at]
        bounds = bounds.group_by([*keys, "begin"]).agg(low=bounds.low.min(), high=bounds.high.max())
        steps = [parts[f"step_{number}"] for number in range(2, len(chain.steps) + 1)]
        values = _totals(_done(bounds, steps, keys, chain.within), chain)
    else:
        values = parts["values"]
    keys = [name for name in values.columns if name in ("source", "signature", "begin")]
    merged = values.group_by(keys).agg(first=values["first"].min(), last=values["last"].max(), times=values.times.sum())
    order = ["first", "source", "signature", "last"]
    return merged.select("source", "signature", "first", "last", "times").order_by(order).limit(request.rows)


def _chain(request: Request) -> Chain:
    assert request.chain is not None
    return request.chain


CHAIN = Plan(_partial, _merge)
"""Sources by the payload of their last step."""
