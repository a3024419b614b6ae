"""Whether an address is in sorted, disjoint ranges (darknet.Ranges): a binary search, as a kernel."""

from __future__ import annotations

import numpy as np

from ims.kernels import inlined, kernel


@inlined
def insertion_point(values, low, high, value):
    """Index of the first of values[low:high] (ascending) that is greater than `value`; `high` where none is."""
    while low < high:
        middle = (low + high) >> 1
        if values[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def block_of(address, ranges):
    """Index of the block that `address` is in; -1 where it is in none."""
    low = insertion_point(ranges.first, 0, ranges.first.size, address)
    if low == 0 or ranges.last[low - 1] < address:
        return np.int64(-1)
    return np.int64(ranges.block[low - 1])
