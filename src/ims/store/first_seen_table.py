"""The signatures that no run has yet, in a hash table: the kernel of store/first_seen_index.py."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel, mul64


@kernel
def look_up_or_add(keys, earliest, known, rows, slots, count, seed):
    """Lower earliest[i] to what `rows` has for keys[i], or add it there with earliest[i]; an earlier one replaces.
    What is known[i] to stand in a run is looked up only: it needn't be written once more.

    `rows`: (capacity, 2) key and arrival, count[0] of them used, with room for all keys. `slots`: twice as many, a
    power of two, 0 or a row's number plus 1. `seed` is secret and odd: MD5s can be chosen, slots can't.
    """
    mask = np.uint64(slots.size - 1)
    for i in range(keys.size):
        key = keys[i]
        mixed = mul64(key ^ (key >> np.uint64(32)), seed)
        slot = np.int64((mixed ^ (mixed >> np.uint64(29))) & mask)
        while True:
            entry = np.int64(slots[slot]) - 1
            if entry < 0:
                if known[i]:
                    break
                entry = count[0]
                rows[entry, 0] = key
                rows[entry, 1] = earliest[i]
                slots[slot] = entry + 1
                count[0] = entry + 1
                break
            if rows[entry, 0] == key:
                if earliest[i] < rows[entry, 1]:
                    rows[entry, 1] = earliest[i]
                else:
                    earliest[i] = rows[entry, 1]
                break
            slot = np.int64(np.uint64(slot + 1) & mask)
