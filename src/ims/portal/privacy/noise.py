"""Noise on what viewers see: each cell of a published table has its own, once, and every figure is a sum of cells.

A cell is a value of one table (total, by port, by block, ...) in one bin of time. Its value v is published as v + e,
where e is normally distributed, cut off at `CUT` standard deviations, and made from a keyed hash of the cell's name and
of v: everybody sees the same, however they ask. It is published as an integer, like v, so that no digits tell (Mironov,
CCS 2012). Cells with v + e below a threshold aren't published. The threshold lies above the largest e, so that an empty
cell always looks like one with a few packets.

Since a packet is in one cell of each table, the number of tables bounds what all figures together tell of n packets
(docs/secrecy.md; the Gaussian mechanism of Dwork and Roth, The Algorithmic Foundations of Differential Privacy, 2014,
appendix A).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from statistics import NormalDist

BYTES_A_PACKET = 1500  # what a packet adds to bytes at most (`bytes_capped`)
CUT = 3.5  # the largest noise, in standard deviations: 5 in 10,000 would be beyond
SIDE = 1.959964  # half the width of an interval that holds 95 of 100, in standard deviations
_DOUBLE = ("sources", "payloads", "new_payloads", "hits", "payloads_without_icmp_errors", "hits_without_icmp_errors")
SCALES = {"packets": 1, "bytes": 2 * BYTES_A_PACKET, **dict.fromkeys(_DOUBLE, 2)}
"""A metric's noise and threshold as multiples of those of packets."""

_NORMAL = NormalDist()
_BELOW = _NORMAL.cdf(-CUT)


@dataclass(frozen=True)
class Noise:
    """`deviation`: the standard deviation of a cell of packets; `threshold`: the least packets that are shown;
    `secret`: 32 octets that stay the same: another one gives every cell other noise, and two tell more than one."""

    deviation: float
    threshold: int
    secret: bytes

    def deviation_of(self, metric: str) -> float:
        """The standard deviation of a cell of this metric, in its unit."""
        return self.deviation * SCALES[metric]

    def most(self, metric: str) -> int:
        """The largest noise of a cell."""
        return math.floor(CUT * self.deviation_of(metric))

    def lowest(self, metric: str) -> int:
        """The least that is published; more than the noise of an empty cell."""
        return max(self.threshold * SCALES[metric], self.most(metric) + 1)

    def published(self, metric: str, name: str, value: int) -> int | None:
        """A cell's value as everybody sees it; None: it isn't shown. `name`: the cell's, without its metric."""
        lowest, most = self.lowest(metric), self.most(metric)
        if value + most < lowest:
            return None
        noisy = value if most == 0 else value + self._noise(metric, name, value, most)
        return noisy if noisy >= lowest else None

    def interval(self, metric: str, value: int, shown: int, withheld: int) -> tuple[float, float]:
        """An interval that holds the true sum 95 times in 100. `value`: the sum of `shown` published cells; `withheld`:
        how many aren't, each of which may be anything below the threshold."""
        side = SIDE * self.deviation_of(metric)
        low = max(0.0, value - side * math.sqrt(shown))
        return low, value + withheld * (self.lowest(metric) - 1) + side * math.sqrt(shown + withheld)

    def _noise(self, metric: str, name: str, value: int, most: int) -> int:
        """Each value has its own: else the difference of two values of a cell (a sensor was silent) would be known."""
        digest = hashlib.blake2b(f"{metric} {name} {value}".encode(), key=self.secret, digest_size=8).digest()
        share = (int.from_bytes(digest) + 0.5) / 2.0**64
        drawn = _NORMAL.inv_cdf(_BELOW + share * (1 - 2 * _BELOW))
        return max(-most, min(most, round(drawn * self.deviation_of(metric))))
