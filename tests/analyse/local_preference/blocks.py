"""Blocks as the analysis gets them, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from ims.analyse.local_preference.data import ALL, DISJOINT, Block, Data, Near

DAY = 86_400.0


def near(each: Sequence[int]) -> Near:
    """Of the packets of each source."""
    return Near(sum(each), len(each), float(sum(n * n for n in each)), max(each, default=0))


def block(
    name: str, own_16: Sequence[int] = (), own_8: Sequence[int] = (), elsewhere: Sequence[int] = (),
    addresses: float = 256.0, seconds: float = DAY, filled: Sequence[str] = (),
) -> Block:  # fmt: skip
    parts = dict(zip(DISJOINT, (own_16, own_8, elsewhere), strict=True))
    every = [n for each in parts.values() for n in each]
    found = {name: near(each) for name, each in parts.items()} | {ALL: near(every)} if every else {}
    return Block(name, addresses, seconds, found, filled)


def data(*blocks: Block, notes: Sequence[str] = ()) -> Data:
    """Of blocks to which no source came twice."""
    together = {}
    for name in (*DISJOINT, ALL):
        each = [one.of(name) for one in blocks]
        if any(one.of(ALL).packets for one in blocks):
            together[name] = Near(
                sum(n.packets for n in each), sum(n.sources for n in each), sum(n.squares for n in each),
                max(n.most for n in each),
            )  # fmt: skip
    return Data(blocks, together, notes)
