"""Shares of a block's packets from its own /16 and /8, and its rate, with intervals in which sources are clusters.

A source of the own /16 that prefers it sends 256 times as much to each address as one that prefers the own /8 as
strongly. So both are clusters of their own, and the interval of all from the own /8 is that of a sum: the few of the
own /16 may be most of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from ims.analyse.clusters import of_share, of_sum
from ims.analyse.intervals import Interval
from ims.analyse.local_preference.data import ALL, DISJOINT, ELSEWHERE, NONE, SAME_8, SAME_16, Block, Near
from ims.analyse.question import LEVEL

LEAST_SECONDS = 1.0
"""A watch of a capture ends with its last packet: of one packet it takes a microsecond, which has no rate."""


@dataclass(frozen=True)
class Shares:
    """Shares of packets from the own /16, and from the own /8 with that; each with its interval."""

    same_16: Interval
    same_8: Interval


def shares(block: Block, unseen: Mapping[str, float], level: float = LEVEL) -> Shares | None:
    """None where no packets came. `unseen`: packets of a source, by nearness, where none came from there."""
    return _shares([block.of(near).clusters(unseen[near]).interval(level) for near in DISJOINT])


def shares_without_largest(block: Block, unseen: Mapping[str, float], level: float = LEVEL) -> Shares | None:
    """The same, each without the source of that network that sent the most: whether one alone is why a share is high.
    None where nothing else came."""
    largest = max((SAME_16, SAME_8), key=lambda near: block.of(near).most)
    fewer = [
        shares(replace(block, near={**block.near, near: block.of(near).without_largest}), unseen, level)
        for near in (SAME_16, largest)
    ]
    of_16, of_8 = fewer
    return None if of_16 is None or of_8 is None else Shares(of_16.same_16, of_8.same_8)


def shares_together(
    blocks: Sequence[Block], together: Mapping[str, Near], by_24: Mapping[str, float], level: float = LEVEL
) -> Shares | None:
    """The same of all blocks together. Sources of the own network are other ones at each block, and a large block to
    which none came may be most of what is unseen: so they are a sum over blocks. Or, as blocks may share a network, its
    sources are those of all blocks together: whatever is wider. Of two intervals the wider one holds the truth more
    often, so both are the narrower mid-p ones."""
    unseen = [unseen_at(block, by_24) for block in blocks]
    found = []
    for near in DISJOINT:
        each = together.get(near, NONE)
        whole = each.clusters(max((one[near] for one in unseen), default=1.0)).mid_interval(level)
        if near != ELSEWHERE and blocks:
            parts = [
                block.of(near).clusters(one[near]).mid_interval(level)
                for block, one in zip(blocks, unseen, strict=True)
            ]
            added = reduce(of_sum, parts)
            whole = Interval(whole.value, min(whole.low, added.low), max(whole.high, added.high))
        found.append(whole)
    return _shares(found)


def _shares(parts: Sequence[Interval]) -> Shares | None:
    """Of intervals of packets from the own /16, else the own /8, else elsewhere."""
    own_16, own_8, elsewhere = parts
    if not sum(each.value for each in parts):
        return None
    return Shares(of_share(own_16, of_sum(own_8, elsewhere)), of_share(of_sum(own_16, own_8), elsewhere))


def unseen_by_24(blocks: Sequence[Block]) -> dict[str, float]:
    """By nearness, the most packets of a source for each /24 of a block, at any block: what an unseen one may send,
    where at a block none came from so near. 0, where none came to any block."""
    return {
        near: max((each.of(near).most * 256 / each.addresses for each in blocks if each.addresses), default=0.0)
        for near in DISJOINT
    }


def unseen_at(block: Block, by_24: Mapping[str, float], unknown: float | None = None) -> dict[str, float]:
    """The same at a block: one packet at least; where no block tells, as much as any source sent to this one, or what
    is `unknown`. Of a network that the block fills one packet, for nobody lives there whose source isn't forged."""
    most = float(max(block.of(ALL).most, 1)) if unknown is None else unknown
    found = {near: max(each * block.addresses / 256, 1.0) if each else most for near, each in by_24.items()}
    return found | dict.fromkeys(block.filled, 1.0)


def rate(block: Block, nears: Sequence[str], unseen: Mapping[str, float], level: float = LEVEL) -> Interval | None:
    """Packets/s per /24 from sources that are so near; None where the block was hardly watched."""
    if block.seconds < LEAST_SECONDS or block.exposure <= 0:
        return None
    found = reduce(of_sum, [block.of(near).clusters(unseen[near]).interval(level) for near in nears])
    return Interval(*(end / block.exposure for end in found))


def rate_without_largest(block: Block, near: str, level: float = LEVEL) -> Interval | None:
    """The same without the source that sent the most: whether one alone is why a rate is high."""
    return rate(replace(block, near={near: block.of(near).without_largest}), (near,), {near: 1.0}, level)
