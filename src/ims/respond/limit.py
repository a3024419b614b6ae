"""How many replies may leave: for each address replied to, each /24, and in all; in memory of a fixed size.

Each bucket is one number, the moment at which it will be empty again (the generic cell rate algorithm, ITU-T I.371):
a reply moves it on by the interval of its rate, and is refused where it would then lie further ahead than the burst.
Addresses share buckets by a keyed hash, so nobody can aim at a bucket; sharing makes a limit tighter, never looser.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.kernels import kernel
from ims.siphash import siphash128_1_3_pair

Array = np.ndarray[Any, Any]

ADDRESSES, NETWORKS = 1 << 18, 1 << 16
"""Buckets: 2.5 MB."""
BURST_SECONDS = 10
NETWORK_FACTOR = 10
"""A /24 may be sent so many times what an address may."""
ALLOWED, ADDRESS_LIMITED, NETWORK_LIMITED, LIMITED = 0, 1, 2, 3


class Limits(NamedTuple):
    """Buckets and rates. Workers may share one: a race costs a count, never a bound."""

    address: Array
    """int64: nanoseconds of the clock"""
    network: Array
    whole: Array
    intervals: Array
    """int64 (3,): nanoseconds between replies to an address, to a /24, in all; 0: no limit"""
    burst: Array
    """int64 (3,): how far ahead each may be"""
    key: Array
    """uint64 (2,)"""


def limits(reply_limit: float | None, global_limit: float | None, key: bytes) -> Limits:
    """`reply_limit`: replies a second to one address; `global_limit`: in all; None: no limit. `key`: 16 octets."""

    def interval(rate: float | None) -> int:
        return 0 if rate is None else int(1e9 / rate)

    rates = (reply_limit, reply_limit and reply_limit * NETWORK_FACTOR, global_limit)
    burst = [BURST_SECONDS * 1_000_000_000, BURST_SECONDS * 1_000_000_000, 1_000_000_000]
    return Limits(
        np.zeros(ADDRESSES, np.int64),
        np.zeros(NETWORKS, np.int64),
        np.zeros(1, np.int64),
        np.array([interval(rate) for rate in rates], np.int64),
        np.array(burst, np.int64),
        np.frombuffer(key[:16], np.uint64).copy(),
    )


@kernel
def _bucket(value, key, buckets):
    low, _ = siphash128_1_3_pair(np.uint64(value), np.uint64(buckets), key[0], key[1])
    return np.int64(low & np.uint64(buckets - 1))


@kernel
def allowed(address, now, limits):
    """ALLOWED, and the reply is counted; or which limit refuses a reply to `address` at `now` (ns), and nothing is."""
    to_address, to_network, to_all = limits.intervals[0], limits.intervals[1], limits.intervals[2]
    one, many = np.int64(0), np.int64(0)
    next_one, next_many, next_all = np.int64(0), np.int64(0), np.int64(0)
    if to_address > 0:
        one = _bucket(address, limits.key, limits.address.size)
        next_one = max(limits.address[one], now) + to_address
        if next_one - now > limits.burst[0]:
            return np.int64(ADDRESS_LIMITED)
    if to_network > 0:
        many = _bucket(address >> 8, limits.key, limits.network.size)
        next_many = max(limits.network[many], now) + to_network
        if next_many - now > limits.burst[1]:
            return np.int64(NETWORK_LIMITED)
    if to_all > 0:
        next_all = max(limits.whole[0], now) + to_all
        if next_all - now > limits.burst[2]:
            return np.int64(LIMITED)
        limits.whole[0] = next_all
    if to_address > 0:
        limits.address[one] = next_one
    if to_network > 0:
        limits.network[many] = next_many
    return np.int64(ALLOWED)
