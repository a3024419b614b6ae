"""What the analysis `local-preference` asks: packets by block and by how near their sources are, and blocks' sizes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.clusters import Clusters
from ims.analyse.options import Options
from ims.query.bins import LONGEST_US
from ims.query.language.syntax_tree import Net, walk

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence

Array = np.ndarray[Any, Any]
SAME_16, SAME_8, ELSEWHERE, ALL = "/16", "/8", "elsewhere", "all"
"""How near a source is to its destination: in the same /16, else in the same /8, else elsewhere; any of these."""
DISJOINT = (SAME_16, SAME_8, ELSEWHERE)


@dataclass(frozen=True)
class Near:
    """Packets from sources that are so near: how many, of how many sources, the sum over sources of their packets
    squared, and the most of one source."""

    packets: int = 0
    sources: int = 0
    squares: float = 0.0
    most: int = 0

    def clusters(self, unseen: float) -> Clusters:
        """Sources as clusters of packets. `unseen`: packets of one source that may have come where none did."""
        return Clusters(self.packets, self.squares, self.most if self.packets else unseen)

    @property
    def without_largest(self) -> Near:
        """Without the source that sent the most."""
        return Near(self.packets - self.most, max(self.sources - 1, 0), self.squares - self.most**2, self.most)


NONE = Near()


@dataclass(frozen=True)
class Block:
    """A block: mean addresses while it was watched, seconds of that, and packets by nearness. `filled`: /16, and /8,
    where it is made of whole ones, so that nobody else lives in its own."""

    name: str
    addresses: float
    seconds: float
    near: Mapping[str, Near]
    filled: Collection[str] = ()

    def of(self, near: str) -> Near:
        """Packets from sources that are so near."""
        return self.near.get(near, NONE)

    @property
    def exposure(self) -> float:
        """What packets are divided by: /24s times seconds."""
        return self.addresses / 256 * self.seconds


@dataclass(frozen=True)
class Data:
    """Blocks by name; all of them together, of which a source at several blocks of a sensor is one; notes."""

    blocks: Sequence[Block]
    together: Mapping[str, Near]
    notes: Sequence[str] = ()


def data(evidence: Evidence, options: Options) -> Data:
    """Packets by block and nearness, and the size of blocks."""
    sizes = _sizes(evidence)
    table = evidence.ask("local", "how near sources are", filter=options.request.filter).table
    found = _by_block(table)
    names = list(evidence.watches().by_block)
    if set(found) - {None} <= set(names):
        together = found.get(None, {})
    else:  # a sensor didn't answer every question, and its blocks are left out
        together = {near: _added([found.get(name, {}).get(near, NONE) for name in names]) for near in (*DISJOINT, ALL)}
    tree = options.request.filter
    directed = tree is not None and any(isinstance(each, Net) and each.direction != "source" for each in walk(tree))
    notes = ["the filter names destinations; rates are divided by all addresses of a block, not by those"] * directed
    filled = _filled(evidence.coverage.table)
    blocks = [Block(name, *sizes.get(name, (0.0, 0.0)), found.get(name, {}), filled.get(name, ())) for name in names]
    return Data(blocks, together, notes)


def _filled(coverage: pa.Table) -> dict[str, set[str]]:
    """Which networks a block's prefixes fill."""
    longest: dict[str, int] = {}
    pairs = zip(*(coverage.column(name).to_pylist() for name in ("block", "prefix")), strict=True)
    for block, prefix in set(pairs):
        longest[block] = max(longest.get(block, 0), int(prefix.partition("/")[2]))
    return {block: {near for near in (SAME_16, SAME_8) if bits <= int(near[1:])} for block, bits in longest.items()}


def _sizes(evidence: Evidence) -> dict[str, tuple[float, float]]:
    """Mean addresses and seconds of each block."""
    table = evidence.darknet(LONGEST_US)
    names = np.array(table.column("block").to_pylist(), object)
    addresses, seconds = (arrow.floats(table.column(name)) for name in ("addresses", "seconds"))
    found = {}
    for name in dict.fromkeys(names.tolist()):
        chosen = names == name
        whole = float(seconds[chosen].sum())
        found[name] = (float(addresses[chosen] @ seconds[chosen]) / whole if whole else 0.0, whole)
    return found


def _by_block(table: pa.Table) -> dict[str | None, dict[str, Near]]:
    found: dict[str | None, dict[str, Near]] = {}
    columns = (table.column(name).to_pylist() for name in ("block", "near", "packets", "sources", "squares", "most"))
    for block, near, *numbers in zip(*columns, strict=True):
        found.setdefault(block, {})[near] = Near(*numbers)
    return found


def _added(parts: Sequence[Near]) -> Near:
    packets, sources = (sum(getattr(each, name) for each in parts) for name in ("packets", "sources"))
    squares, most = sum(each.squares for each in parts), max((each.most for each in parts), default=0)
    return Near(packets, sources, squares, most)
