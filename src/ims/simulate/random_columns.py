"""Random columns that depend on the seed alone, the same on every machine and with every NumPy.

Only the raw output of PCG64 is used, which NumPy promises never to change, with integers and exact divisions;
its distributions may change from version to version, and logarithms differ in the last bit between CPUs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.int64]]

# First octets that look public: not private, loopback, link-local, shared, test, multicast or reserved.
PUBLIC = tuple(octet for octet in range(1, 224) if octet not in (10, 100, 127, 169, 172, 192, 198, 203))


class RandomColumns:
    """A stream of random columns."""

    def __init__(self, seed: int) -> None:
        self._raw = np.random.PCG64(seed)

    def below(self, limit: int, count: int) -> Numbers:
        """Whole numbers from 0 to limit - 1 (the bias of the remainder is below limit / 2**63)."""
        numbers: Numbers = (self._raw.random_raw(count) >> np.uint64(1)).astype(np.int64) % limit
        return numbers

    def pick(self, values: Any, count: int, weights: Any = None) -> Numbers:
        """`count` of `values`, by `weights`, or with equal ones."""
        choices: Numbers = np.asarray(values, np.int64)
        if weights is None:
            return choices[self.below(choices.size, count)]
        cumulative = np.cumsum(np.asarray(weights, np.float64))
        point = self.below(1 << 53, count) / (1 << 53) * cumulative[-1]
        index: Numbers = np.minimum(np.searchsorted(cumulative, point, "right"), choices.size - 1)
        return choices[index]

    def bytes(self, length: int) -> bytes:
        """`length` random octets."""
        return self.below(256, length).astype(np.uint8).tobytes()

    def address(self, count: int) -> Numbers:
        """Addresses that look public."""
        return (self.pick(PUBLIC, count) << 24) | self.below(1 << 24, count)
