"""Rate limits of replies: to each address, to each /24, and in all; in memory of a fixed size.

A bucket is one number, the moment at which it will be empty again (the generic cell rate algorithm, ITU-T I.371): a
reply moves it on by the interval of its rate, and is refused if it would then be further ahead than the burst, which
is at least one interval: a rate of one reply a minute allows one each minute.
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
"""The limit of a /24, as a multiple of that of an address."""
NEVER = 1 << 61
"""Nanoseconds, 73 years: longer intervals are cut to that, so that two and a clock fit into an int64."""
ALLOWED, ADDRESS_LIMITED, NETWORK_LIMITED, LIMITED = range(4)
TO_ALL = ADDRESSES + NETWORKS
INTERVALS, BURSTS, KEY = 0, 3, 6


class Limits(NamedTuple):
    """Buckets and rates. Workers may share one: a race costs a count, never a bound."""

    buckets: Array  # int64, nanoseconds of the clock: those of addresses, of /24s, and at TO_ALL the one for all
    rates: Array
    """int64 (8,): three INTERVALS, nanoseconds between replies to an address, to a /24, in all (0: no limit); three
    BURSTS, how far ahead each may be, one interval at least; the two words of the hash's KEY"""


def limits(reply_limit: float | None, global_limit: float | None, key: bytes) -> Limits:
    """`reply_limit`: replies a second to one address; `global_limit`: in all; None: no limit. `key`: 16 octets."""

    def interval(rate: float | None) -> int:
        return 0 if rate is None else int(min(1e9 / rate, NEVER))

    intervals = [interval(rate) for rate in (reply_limit, reply_limit and reply_limit * NETWORK_FACTOR, global_limit)]
    seconds = (BURST_SECONDS, BURST_SECONDS, 1)
    bursts = [max(burst * 1_000_000_000, each) for burst, each in zip(seconds, intervals, strict=True)]
    numbers = [*intervals, *bursts, *np.frombuffer(key[:16], np.int64).tolist()]
    return Limits(np.zeros(TO_ALL + 1, np.int64), np.array(numbers, np.int64))


@kernel
def _bucket(value, rates, buckets):
    low, _ = siphash128_1_3_pair(np.uint64(value), np.uint64(buckets), np.uint64(rates[KEY]), np.uint64(rates[KEY + 1]))
    return np.int64(low & np.uint64(buckets - 1))


@kernel
def allowed(address, now, buckets, rates):
    """ALLOWED, and a reply to `address` at `now` (ns) is counted; or which limit refuses it, and nothing is counted.
    `buckets`, `rates`: of Limits."""
    to_address, to_network, to_all = rates[INTERVALS], rates[INTERVALS + 1], rates[INTERVALS + 2]
    one = many = next_one = next_many = np.int64(0)
    if to_address > 0:
        one = _bucket(address, rates, ADDRESSES)
        next_one = max(buckets[one], now) + to_address
        if next_one - now > rates[BURSTS]:
            return np.int64(ADDRESS_LIMITED)
    if to_network > 0:
        many = ADDRESSES + _bucket(address >> 8, rates, NETWORKS)
        next_many = max(buckets[many], now) + to_network
        if next_many - now > rates[BURSTS + 1]:
            return np.int64(NETWORK_LIMITED)
    if to_all > 0:
        next_all = max(buckets[TO_ALL], now) + to_all
        if next_all - now > rates[BURSTS + 2]:
            return np.int64(LIMITED)
        buckets[TO_ALL] = next_all
    if to_address > 0:
        buckets[one] = next_one
    if to_network > 0:
        buckets[many] = next_many
    return np.int64(ALLOWED)
