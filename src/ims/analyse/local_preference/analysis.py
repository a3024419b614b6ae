"""Local preference: how much comes from a block's own /16 and /8 (paper, section 2.1 and Figure 3).

Worms that prefer their own network are likely candidates where blocks differ in rate; the paper shows that they aren't
why: the block with the highest rate isn't one with much from its own /8. So each block has its shares, and its rate
with and without what came from its own /8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import Finding, listed
from ims.analyse.intervals import Interval
from ims.analyse.local_preference.data import ALL, DISJOINT, ELSEWHERE, NONE, SAME_8, SAME_16, Block, Data, data
from ims.analyse.local_preference.figure import figure, plot
from ims.analyse.local_preference.shares import (
    LEAST_SECONDS,
    Shares,
    rate,
    rate_without_largest,
    shares,
    shares_together,
    shares_without_largest,
    unseen_at,
    unseen_by_24,
)
from ims.analyse.question import LEVEL
from ims.analyse.questions.local_preference import SHARE
from ims.analyse.result import Estimate, schema

__all__ = ["data", "figure", "model", "plot"]
ANALYSIS = ANALYSES["local-preference"]
CHANCE = {SAME_16: 2.0**-16, SAME_8: 2.0**-8}
TIMES = 2
"""Of chance, what is called preference is more than. Chance is for sources anywhere in 2**32 addresses; hosts live in
221 of 256 /8s at most (RFC 6890), and not as many in each."""
FEWEST_BLOCKS = 3
"""Of fewer, the median is one of two, or both of them."""
NOT_BY, ONLY_WITH, ONE_SOURCE = "not by preference", "only with preference", "by one source"
_HIGH = "higher in rate than the median block"
_SAID = {
    NOT_BY: f"{_HIGH}, and so without what came from the own /8, so preference isn't why",
    ONLY_WITH: f"{_HIGH} only with what came from the own /8",
    ONE_SOURCE: f"{_HIGH} by what one source sent alone",
}
_ALL, _SOME, _FAR = "all", "without one source", "from elsewhere, without one source"
_HOW = "packets from the own {} by all packets; interval with sources as clusters"


@dataclass(frozen=True)
class Estimated:
    """What is estimated of a block. `wide`: with intervals that hold for all blocks at once in 95 of 100 cases; its
    shares, and of its rates the last two, without the source that sent the most."""

    block: Block
    shares: Shares | None
    rate: Interval | None
    elsewhere: Interval | None
    wide_shares: Shares | None
    wide_rates: Mapping[str, Interval] | None


def model(data: Data) -> Finding:
    """Each block's shares and rates, and what they say of each other."""
    by_24 = unseen_by_24(data.blocks)
    level = 1 - (1 - LEVEL) / (2 * max(len(data.blocks), 1))  # two for each block (Bonferroni)
    found = [_estimated(block, by_24, level) for block in data.blocks]
    middle = _median_high(found)
    rows = [_row(each, middle) for each in found]
    rows.sort(key=lambda row: -1.0 if row["rate"] is None else row["rate"], reverse=True)
    notes = [*_of_blocks(found), *_of_rates(rows, middle, found), *_of_preference(rows), *data.notes]
    series = [
        {"block": name, "near": near, **{what: getattr(of.get(near, NONE), what) for what in _COUNTS}}
        for name, of in [(None, data.together), *((block.name, block.near) for block in data.blocks)]
        for near in DISJOINT
    ]
    tables = arrow.table(rows, schema(ANALYSIS.columns)), arrow.table(series, schema(ANALYSIS.series))
    return Finding(_together(data, by_24), *tables, tuple(notes))


_COUNTS = ("packets", "sources", "most")


def _together(data: Data, by_24: Mapping[str, float]) -> dict[str, Estimate]:
    found = shares_together(data.blocks, data.together, by_24)
    if found is None:
        return {}
    shown = (("same_16", found.same_16, SAME_16), ("same_8", found.same_8, SAME_8))
    return {name: Estimate(share.value, share.low, share.high, SHARE, _HOW.format(near)) for name, share, near in shown}


def _estimated(block: Block, by_24: Mapping[str, float], level: float) -> Estimated:
    unseen, known = unseen_at(block, by_24), unseen_at(block, by_24, 1.0)
    elsewhere = rate(block, (ELSEWHERE,), known)
    wide = {
        _ALL: rate(block, DISJOINT, known, level), _SOME: rate_without_largest(block, ALL, level),
        _FAR: rate_without_largest(block, ELSEWHERE, level),
    }  # fmt: skip
    rates = {name: each for name, each in wide.items() if each is not None}
    return Estimated(
        block, shares(block, unseen), rate(block, DISJOINT, known), elsewhere,
        shares_without_largest(block, unseen, level),
        rates if len(rates) == len(wide) else None,
    )  # fmt: skip


def _median_high(found: Sequence[Estimated]) -> float | None:
    """What the median block's rate is at most: the median of the upper ends, which hold for all blocks at once."""
    rates = [each.wide_rates[_ALL].high for each in found if each.wide_rates is not None]
    return median(rates) if len(rates) >= FEWEST_BLOCKS else None


def _row(each: Estimated, middle: float | None) -> dict[str, Any]:
    block, found = each.block, each.shares
    return {
        "block": block.name,
        "slash24s": block.addresses / 256,
        "packets": block.of(ALL).packets,
        "sources": block.of(ALL).sources,
        **_named("rate", each.rate),
        **_named("same_16", None if found is None else found.same_16),
        **_named("same_8", None if found is None else found.same_8),
        "expected_16": CHANCE[SAME_16],
        "expected_8": CHANCE[SAME_8],
        "preferred": _preferred(each.wide_shares),
        **_named("elsewhere", each.elsewhere),
        "high": _high(each, middle),
    }


def _named(name: str, interval: Interval | None) -> dict[str, float | None]:
    value, low, high = (None, None, None) if interval is None else map(float, interval)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _preferred(found: Shares | None) -> str | None:
    """What of a block's shares is more than TIMES chance, by intervals that hold for all blocks at once, and not by one
    source alone."""
    if found is None:
        return None
    more = [
        near for near, share in ((SAME_8, found.same_8), (SAME_16, found.same_16)) if share.low > TIMES * CHANCE[near]
    ]
    return " and ".join(more) or None


def _high(each: Estimated, middle: float | None) -> str | None:
    """Why a block's rate is above the median one's, where it surely is."""
    if middle is None or each.wide_rates is None or each.wide_rates[_ALL].low <= middle:
        return None
    if each.wide_rates[_SOME].low <= middle:
        return ONE_SOURCE
    return NOT_BY if each.wide_rates[_FAR].low > middle else ONLY_WITH


def _of_blocks(found: Sequence[Estimated]) -> list[str]:
    """What can't be told of blocks."""
    notes = []
    if silent := [each.block.name for each in found if each.shares is None]:
        notes.append(f"no packets came, so no shares: {listed(silent)}")
    if short := [each.block.name for each in found if each.rate is None]:
        notes.append(f"watched for less than {LEAST_SECONDS:g} second, so no rate: {listed(short)}")
    for near in (SAME_8, SAME_16):
        if filled := [each.block.name for each in found if near in each.block.filled]:
            notes.append(f"fills its own {near}, so that only forged sources can be in it: {listed(filled)}")
    return notes


def _of_rates(rows: Sequence[dict[str, Any]], middle: float | None, found: Sequence[Estimated]) -> list[str]:
    """Which blocks are high in rate, and whether preference is why."""
    if middle is None:
        few = sum(each.rate is not None for each in found) < FEWEST_BLOCKS
        return [f"rates are compared where {FEWEST_BLOCKS} blocks or more have one"] if few else []
    found_by = {why: [row["block"] for row in rows if row["high"] == why] for why in _SAID}
    notes = [f"{_SAID[why]}: {listed(names)}" for why, names in found_by.items() if names]
    return notes or ["no block is surely higher in rate than the median block"]


def _of_preference(rows: Sequence[dict[str, Any]]) -> list[str]:
    if not any(row["packets"] for row in rows):
        return []
    if found := [row["block"] for row in rows if row["preferred"]]:
        return [f"more than twice what chance gives from the own /8 or /16: {listed(found)}"]
    return ["no block surely has more than twice what chance gives from its own /8 or /16"]
