"""How often each caller may ask: a token bucket for each key, in bounded memory; and the customer of an address."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class RateLimit:
    """Buckets of `burst` tokens that fill at `rate` a second; each take costs some. At most `keys` buckets are kept.
    Only full buckets are dropped, which changes nothing; while none is full, new keys share one bucket, so that nobody
    gets more by having many keys. Thread-safe."""

    def __init__(
        self, rate: float, burst: float, keys: int = 65_536, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not (rate > 0 and burst > 0 and keys > 0):
            raise ValueError(f"rate {rate}, burst {burst}, keys {keys}: expected more than 0")
        self._rate, self._burst, self._keys = rate, burst, keys
        self._clock, self._lock = clock, threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> tokens, when; last taken last
        self._shared = (float(burst), clock())

    def take(self, key: str, cost: float = 1.0) -> float:
        """0.0: the cost was taken. Else nothing was, and it can be in so many seconds. Raises ValueError where it never
        can be: it is over `burst`, or not above 0."""
        if not 0 < cost <= self._burst:
            raise ValueError(f"cost {cost}: expected more than 0 and at most {self._burst}")
        with self._lock:
            now = self._clock()
            known = key in self._buckets or self._room(now)
            bucket = self._buckets.get(key, (float(self._burst), now)) if known else self._shared
            held = self._filled(bucket, now)
            wait = 0.0 if held >= cost else (cost - held) / self._rate
            bucket = (held - cost if wait == 0.0 else held, max(now, bucket[1]))
            if known:
                self._buckets[key] = bucket
                self._buckets.move_to_end(key)
            else:
                self._shared = bucket
            return wait

    def _room(self, now: float) -> bool:
        """Whether a bucket may be added: there is room, or the least recently used one is full."""
        if len(self._buckets) < self._keys:
            return True
        oldest = next(iter(self._buckets))
        if self._filled(self._buckets[oldest], now) < self._burst:
            return False
        del self._buckets[oldest]
        return True

    def _filled(self, bucket: tuple[float, float], now: float) -> float:
        held, since = bucket
        return min(self._burst, held + max(0.0, now - since) * self._rate)

    def __len__(self) -> int:
        return len(self._buckets)


def customer(host: str) -> str:
    """An address as text; of IPv6 the /64, which is what one customer has. Other text stays, up to 64 characters."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
