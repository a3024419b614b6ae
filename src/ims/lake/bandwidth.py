"""A bandwidth limit in octets a second: a token bucket that holds a tenth of a second's worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from ims.lake.object_store import CHUNK

BURST_SECONDS = 0.1
LEAST_CHUNK = 1 << 12


class Bandwidth:
    """Lets `rate` octets a second pass; None: no limit. Octets sent and octets read back both count."""

    def __init__(
        self,
        rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if rate is not None and rate <= 0:
            raise ValueError(f"rate {rate}: expected more than 0 octets a second")
        self.rate, self._clock, self._sleep = rate, clock, sleep
        self.octets = 0
        """Octets that have passed."""
        self._tokens = self._burst = 0.0 if rate is None else rate * BURST_SECONDS
        self._at = clock()

    @property
    def chunk(self) -> int:
        """Octets to read or send at once, so that no wait is long."""
        return CHUNK if self.rate is None else max(LEAST_CHUNK, min(CHUNK, int(self._burst)))

    def take(self, octets: int) -> None:
        """Wait until so many octets may pass."""
        self.octets += octets
        if self.rate is None:
            return
        before, self._at = self._at, self._clock()
        self._tokens = min(self._burst, self._tokens + (self._at - before) * self.rate) - octets
        if self._tokens < 0:
            self._sleep(-self._tokens / self.rate)

    def of(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks, each when it may pass."""
        for chunk in chunks:
            self.take(len(chunk))
            yield chunk
