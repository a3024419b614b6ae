"""The sequence number of a SYN-ACK as a keyed cookie, so that connections need no memory.

    bit  31 ... 9   8             7 ... 0
         hash       clock's       the peer's initial sequence
                    parity        number, coarsely

The hash (23 bits of SipHash-2-4) covers both addresses, both ports, the clock and the coarse number. Whoever
acknowledges the cookie has received it: its source address isn't forged. The clock counts steps of CLOCK_SECONDS;
cookies of this step and the one before are valid, so a response may take two to four minutes. With the coarse number,
any later packet shows how much the peer has sent since its SYN (`sent`), to within one step of 2**shift octets.

A random acknowledgment passes for a cookie with probability 2 * 2**-23, one in four million: two numbers are
tried for each packet (our FIN takes one), each against the one step that its parity names. (Linux's SYN cookies, RFC
4987 3.6, have 24 bits of hash and are tried against two or more minutes.)
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ims.kernels import kernel
from ims.siphash import siphash128_2_4_pair

Array = np.ndarray[Any, Any]

CLOCK_SECONDS = 128
STEPS_A_KEY = 32
"""Keys change every 68 minutes; a cookie under the last key is valid as long as its step is."""

COARSE_BITS = 8
CONTINUES, CLOSED = 1, 2
"""What an acknowledgment is above a cookie: before and after our FIN was acknowledged."""
WINDOW = 65_535

# Cookies, as kernels take them: int64 (8,). The two valid steps are each at the index of their parity.
KEYS, STEPS, PARITY, SHIFT, COOKIES = 0, 4, 6, 7, 8
"""Two keys of two words each; the steps (-1: none); the parity of this step; bits by which initial sequence numbers are
made coarse."""


class Clock:
    """Sets `cookies` to the time of a clock that never goes back."""

    def __init__(self, secret: bytes, limit: int) -> None:
        """`secret`: 16 octets or more, the sensor's own. `limit`: octets a connection may send (shift_for)."""
        self._secret = secret
        self.cookies = np.zeros(COOKIES, np.int64)
        self.cookies[STEPS : STEPS + 2] = -1
        self.cookies[SHIFT] = shift_for(limit)

    def tick(self, seconds: float) -> None:
        """Set the clock to `seconds` (monotonic)."""
        step = int(seconds // CLOCK_SECONDS)
        if self.cookies[STEPS + (step & 1)] == step:
            return
        for each in (step, step - 1):
            parity = each & 1
            self.cookies[KEYS + 2 * parity : KEYS + 2 * parity + 2] = self._key(each // STEPS_A_KEY)
            self.cookies[STEPS + parity] = each
        self.cookies[PARITY] = step & 1

    def _key(self, epoch: int) -> Array:
        name = epoch.to_bytes(8, "little", signed=True)
        return np.frombuffer(hashlib.blake2b(name, key=self._secret[:64], digest_size=16).digest(), np.int64)


def shift_for(limit: int) -> int:
    """Bits by which initial sequence numbers are made coarse, so that `sent` is unambiguous up to `limit` octets and
    what a peer may have in flight then (three windows)."""
    shift = 8
    while 1 << (shift + COARSE_BITS) < limit + 3 * (WINDOW + 1) + (1 << shift):
        shift += 1
    return shift


@kernel
def _hash(source, destination, ports, coarse, step, cookies):
    parity = step & 1
    first = np.uint64(source) << np.uint64(32) | np.uint64(destination)
    second = np.uint64(ports) << np.uint64(32) | np.uint64((step & 0xFFFFFF) << 8 | coarse)
    key0, key1 = np.uint64(cookies[KEYS + 2 * parity]), np.uint64(cookies[KEYS + 2 * parity + 1])
    low, _ = siphash128_2_4_pair(first, second, key0, key1)
    return np.int64(low & np.uint64(0x7FFFFF))


@kernel
def cookie(source, destination, ports, sequence, cookies):
    """The sequence number with which to answer a SYN: 0 to 2**32 - 1.

    `source`, `destination`: of the SYN. `ports`: source port << 16 | destination port. `sequence`: the SYN's.
    """
    parity, shift = cookies[PARITY], cookies[SHIFT]
    coarse = sequence >> shift & 0xFF
    return _hash(source, destination, ports, coarse, cookies[STEPS + parity], cookies) << 9 | parity << 8 | coarse


@kernel
def acknowledged(source, destination, ports, acknowledgment, cookies):
    """CONTINUES or CLOSED where an acknowledgment number is that much above a cookie of ours; 0 for any other."""
    for above in (CONTINUES, CLOSED):
        found = (acknowledgment - above) & 0xFFFFFFFF
        step = cookies[STEPS + (found >> 8 & 1)]
        if step >= 0 and found >> 9 == _hash(source, destination, ports, found & 0xFF, step, cookies):
            return np.int64(above)
    return np.int64(0)


@kernel
def sent(sequence, acknowledgment, above, cookies):
    """How far beyond its SYN a packet's sequence number is, less than 2**shift too many; modulo 2**(shift + 8)."""
    shift = cookies[SHIFT]
    coarse = (acknowledgment - above) & 0xFF
    return (sequence - (coarse << shift)) & ((1 << (shift + COARSE_BITS)) - 1)
