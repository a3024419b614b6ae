"""Pairs of a group's number and an address as numbers of 64 bits, as `series` and `top` count sources by group."""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.query.distinct.sort_kernels import pack

Array = np.ndarray[Any, Any]
Pairs = np.ndarray[Any, np.dtype[np.uint64]]


def write_pairs(groups: Array, members: Array, width: int, pairs: Pairs) -> None:
    """Write pairs of groups' numbers (int64) by `width`, and addresses (uint32), as many as `pairs` has room for.
    Raises OverflowError beyond 32 bits."""
    if pack(groups[: pairs.size], members[: pairs.size], width, pairs) < pairs.size:
        raise OverflowError("a group's number has more than 32 bits")


def apart(pairs: Pairs) -> tuple[Array, Array]:
    """Groups' numbers (int64) and addresses (uint32) of pairs."""
    return (pairs >> np.uint64(32)).view(np.int64), pairs.astype(np.uint32)


def members_counted(pairs: Pairs, bits: int = 0) -> tuple[Array, Array]:
    """How many of ascending pairs each group has, or each group with the first `bits` of the address: the groups
    (pairs, whose other bits are 0), and counts (int64)."""
    # Most pairs are like the one before: those that aren't are found a part at a time, so that no copy is made of all.
    shift = np.uint64(32 - bits)
    ends = [
        begin + 1 + np.flatnonzero(np.diff(pairs[begin : begin + _STEP + 1] >> shift))
        for begin in range(0, pairs.size, _STEP)
    ]
    begins = np.concatenate([np.zeros(min(1, pairs.size), np.int64), *ends])
    return pairs[begins] >> shift << shift, np.diff(begins, append=pairs.size)


_STEP = 1 << 20
