"""What was watched of the blocks to which a payload came, where these were watched at different times."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.blocks import MOST_BLOCKS
from ims.query.language.syntax_tree import Expression, Named, Or, Signature

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence

Array = np.ndarray[Any, Any]
UNEVEN = 0.01
"""Share of a block's bins from which on its watch differs from the others'."""


def uneven(evidence: Evidence, time: Array, width: int, exposure: Array) -> dict[str, Array]:
    """By block, addresses times seconds in each bin; empty where all blocks were watched in all bins alike."""
    if len(evidence.watches().by_block) < 2:
        return {}
    table = evidence.darknet(width)
    value = arrow.floats(table.column("addresses")) * arrow.floats(table.column("seconds"))
    watched = by_bin(table.append_column("value", arrow.column(value, pa.float64())), time, "block")
    blocks = {name: each for name, each in watched.items() if each.sum() > 0}
    spread = [float(np.abs(each / each.sum() - exposure / exposure.sum()).sum()) for each in blocks.values()]
    return blocks if max(spread, default=0.0) > UNEVEN else {}


def came_to(evidence: Evidence, suspects: Sequence[str], blocks: Collection[str]) -> dict[str, dict[str, float]]:
    """Packets of each suspect by block: a question for each block or each suspect, whichever are fewer."""
    found: dict[str, dict[str, float]] = {name: {} for name in suspects}
    if len(blocks) < len(suspects):
        for block in blocks:
            of_block = evidence.narrowed(Named("block", block)).narrowed(one_of(suspects))
            came = of_block.top("signature", rows=len(suspects))
            values = arrow.floats(came.column("value")).tolist()
            for name, packets in zip(came.column("signature").to_pylist(), values, strict=True):
                if name in found:
                    found[name][block] = packets
    else:
        for name in suspects:
            came = evidence.narrowed(Signature(name)).top("block", rows=MOST_BLOCKS)
            values = arrow.floats(came.column("value")).tolist()
            found[name] = dict(zip(came.column("block").to_pylist(), values, strict=True))
    return found


def of_blocks(came: Mapping[str, float], blocks: Mapping[str, Array], total: float) -> Array | None:
    """What was watched by bin where a payload came to: each block's watch by the share of the payload's packets that
    came to it. So the chance that none came before a moment is that of all blocks together, and a payload that only
    one block gets isn't expected before that block was watched."""
    found = [(blocks[name] / blocks[name].sum(), number) for name, number in came.items()
             if name in blocks and blocks[name].sum() > 0]  # fmt: skip
    if not found:
        return None
    weights = np.array([number for _, number in found])
    return np.asarray(total * (weights / weights.sum()) @ np.stack([watch for watch, _ in found]))


def one_of(signatures: Collection[str]) -> Expression:
    """A filter that takes packets with any of these payloads."""
    terms = tuple(map(Signature, signatures))
    return terms[0] if len(terms) == 1 else Or(terms)


def by_bin(table: pa.Table, time: Array, group: str = "signature") -> dict[str, Array]:
    """By group, values at the begins of bins, 0 where there is no row; without groups there is one, ''."""
    if group in table.column_names:
        table = table.filter(table.column(group).is_valid())
    times, values = arrow.numbers(table.column("time")), arrow.floats(table.column("value"))
    at = np.minimum(np.searchsorted(time, times), max(len(time) - 1, 0))
    inside = time[at] == times if len(time) else np.zeros(len(times), np.bool_)
    if group not in table.column_names:
        found = np.zeros(len(time))
        np.add.at(found, at[inside], values[inside])
        return {"": found}
    names = table.column(group).combine_chunks().dictionary_encode()
    cells = np.zeros((len(names.dictionary), len(time)))
    if len(names):
        np.add.at(cells, (arrow.numbers(names.indices)[inside], at[inside]), values[inside])
    return dict(zip(names.dictionary.to_pylist(), cells, strict=True))
