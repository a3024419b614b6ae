"""Values as viewers see them: multiples of a step, and none below a threshold.

A cell is a span of time and what a sender may choose to be found by (a port, an ICMP type; else nothing). Its value v
is shown as floor((v + u) / step) * step, where u, from 0 to step, is a keyed hash of the cell: nobody can look for
cells whose value lies just below a multiple, and since u is the same for every filter, group and metric, asking again
in other words gives nothing new. `step` grows with the time in a cell, so that sums over ranges that overlap in a
thousand ways don't average it out. What the threshold decides is decided on the rounded value, so it tells no more
than that does; it is at least two steps, so that a cell in which nothing else happens is shown only if more than a
step of packets came, whatever u is.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

BYTES_A_PACKET = 1500
"""A packet's most in bytes: steps and thresholds of bytes are so many times those of packets."""


@dataclass(frozen=True)
class Rounding:
    """How cells are rounded. `unit_us`: the time for which `step` is meant; `scale`: what one packet may add at most
    to a value; `secret`: 32 octets, kept, for with another one every value is rounded anew."""

    step: int
    threshold: int
    unit_us: int
    secret: bytes
    scale: float = 1.0

    def step_of(self, since: int, until: int) -> float:
        """The step of a cell of [since, until), in microseconds."""
        return self.step * self.scale * math.ceil((until - since) / self.unit_us)

    def lowest(self, since: int, until: int) -> float:
        """The lowest value that is shown in such a cell."""
        return max(self.threshold * self.scale, 2 * self.step_of(since, until))

    def shown(self, value: float | None, since: int, until: int, mark: str) -> float | None:
        """The value as it is shown; None: it isn't."""
        if value is None or math.isnan(value):
            return None
        step, lowest = self.step_of(since, until), self.lowest(since, until)
        if value <= lowest - step:
            return None
        if step > 0:
            value = math.floor((value + self._offset(since, until, mark) * step) / step) * step
        return value if value >= lowest else None

    def _offset(self, since: int, until: int, mark: str) -> float:
        """0 to 1, the same for a cell however it is asked for."""
        name = f"{since} {until} {mark}".encode()
        digest = hashlib.blake2b(name, key=self.secret, digest_size=8).digest()
        return (int.from_bytes(digest) >> 11) / (1 << 53)
