"""What befalls one block of a telescope that hosts prefer nothing of: preference, or a high rate, that isn't there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from calibration.local_preference.quiet import LENGTHS, packets_of
from calibration.local_preference.telescopes import DAY, telescope
from calibration.table import table
from ims.analyse.local_preference.analysis import ONE_SOURCE, model
from ims.analyse.local_preference.data import ALL, ELSEWHERE, SAME_8, SAME_16, Block, Near

BY_24 = 1000
"""Packets of a day to each /24, hardly two of a source."""
FLOOD = 20_000


def _drawn(rng: np.random.Generator, part: float, length: int = 24, by_24: float = BY_24) -> Block:
    """A block to which a part of a day's packets came."""
    return telescope(rng, (length,), (packets_of(by_24 * part, 10_000_000),)).blocks[0]


def _both(one: Mapping[str, Near], other: Mapping[str, Near]) -> dict[str, Near]:
    """Of sources that aren't the same."""
    return {
        near: Near(*(sum(getattr(each.get(near, Near()), what) for each in (one, other))
                     for what in ("packets", "sources", "squares")),
                   max(each.get(near, Near()).most for each in (one, other)))
        for near in {*one, *other}
    }  # fmt: skip


def _one_source(near: str) -> Callable[[np.random.Generator, Block], Block]:
    """One more source, that sends 20 times as much as all others together."""
    alone = Near(FLOOD, 1, float(FLOOD) ** 2, FLOOD)
    return lambda _, block: replace(block, near=_both(block.near, {near: alone, ALL: alone}))


def _joined(rng: np.random.Generator, _: Block) -> Block:
    halves = [_drawn(rng, 0.5, length) for length in (24, 22)]
    return Block("A", sum(each.addresses for each in halves) / 2, DAY, _both(*(each.near for each in halves)))


def _flood(rng: np.random.Generator, block: Block) -> Block:
    """Of sources anywhere in IPv4, each once: so many of them are of the own networks as chance gives."""
    own_16, own_8, elsewhere = rng.multinomial(FLOOD, [2**-16, 2**-8 - 2**-16, 1 - 2**-8]).tolist()
    flood = {
        near: Near(each, each, float(each), min(each, 1))
        for near, each in ((SAME_16, own_16), (SAME_8, own_8), (ELSEWHERE, elsewhere), (ALL, FLOOD))
    }
    return replace(block, near=_both(block.near, flood))


CASES: Mapping[str, Callable[[np.random.Generator, Block], Block]] = {
    "no disturbance": lambda _, block: block,
    "a gap of twelve hours": lambda rng, _: replace(_drawn(rng, 0.5), seconds=DAY / 2),
    "watched for a minute": lambda rng, _: replace(_drawn(rng, 60 / DAY), seconds=60.0),
    "a /24, from the middle on a /22": _joined,
    "half of an hour's packets lost": lambda rng, _: _drawn(rng, 1 - 0.5 / 24),
    "an hour twice, and two hours missing": lambda rng, _: _drawn(rng, 23 / 24),
    "one source elsewhere, 20,000 packets": _one_source(ELSEWHERE),
    "one source in the own /16, 20,000 packets": _one_source(SAME_16),
    "a forged flood, 20,000 sources": _flood,
}
SEEDS = 25


def run(name: str, seed: int) -> str:
    """What one run of a case says of the block that is disturbed: "", "preferred", or why it is high."""
    rng = np.random.default_rng(seed)
    data = telescope(rng, LENGTHS, (packets_of(BY_24, 10_000_000),))
    blocks = [replace(CASES[name](rng, data.blocks[0]), name="A/24"), *data.blocks[1:]]
    [row] = [row for row in model(replace(data, blocks=blocks)).rows.to_pylist() if row["block"] == "A/24"]
    return "preferred" if row["preferred"] else row["high"] or ""


def text(outcomes: Mapping[str, Sequence[str]]) -> str:
    """The table. One source that makes a block high is no false alarm where that is said, nor is a flood's rate."""
    rows = []
    for name, found in outcomes.items():
        by_one, preferred = found.count(ONE_SOURCE), found.count("preferred")
        high = len(found) - found.count("") - by_one - preferred
        rows.append([name, *map(str, (len(found), preferred, high, by_one))])
    return table(("what befalls the block", "runs", "said to be preferred", "high in rate", "high by one source"), rows)
