"""Is an address in one of some sorted, disjoint ranges (darknet.Ranges)? A binary search, as a kernel."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel


@kernel
def block_of(address, ranges):
    """Index of the block that `address` is in; -1 where it is in none."""
    low, high = 0, ranges.first.size
    while low < high:
        middle = (low + high) >> 1
        if ranges.first[middle] <= address:
            low = middle + 1
        else:
            high = middle
    if low == 0 or ranges.last[low - 1] < address:
        return np.int64(-1)
    return np.int64(ranges.block[low - 1])
