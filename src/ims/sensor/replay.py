"""A capture instead of an interface: the same worker, at the capture's pace or faster, and replies that aren't sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ims.capture.file import Stop, never
from ims.capture.ring_walk import Aside
from ims.capture.source import FRAMES, Frames
from ims.capture.transmit import DATA, SLOT, SLOTS_A_BLOCK, Slots
from ims.sensor.recognition import open_capture

COLUMNS = [name for name in Frames._fields if name not in ("octets", "count")]
AT_ONCE = 8192
"""About as many frames as a block of a ring has."""


class ReplayRing:
    """Frames of a capture, each when its time has come; `speed` times as fast as it was captured, 0: at once.

    Raises what open_capture raises, ValueError where there is no frame, InterruptedError where `stop` ended the waiting
    for the first one.
    """

    def __init__(self, path: str, speed: float = 1.0, stop: Stop = never) -> None:
        self._source = open_capture(path, stop)
        self._speed = speed
        self._all: Iterator[Frames] = iter(self._source)
        self.aside = Aside(np.zeros(FRAMES, np.uint32), np.zeros(FRAMES, np.uint8))
        self.finished = self._read = False
        self._frames: Frames | None = None
        self._at = self._due = 0
        try:
            self.first_us = self._first_time(stop) // 1000
        except BaseException:
            self._source.close()
            raise
        self._began: float | None = None

    def _first_time(self, stop: Stop) -> int:
        while not stop():
            self._more()
            if self._frames is not None:
                return int(self._frames.time[0])
            if self._read:
                raise ValueError(f"{self._source.name} has no frame to replay")
        raise InterruptedError("stopped before the capture began")

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the capture so far."""
        return [f"{self._source.name}: {warning}" for warning in self._source.warnings]

    @property
    def complete(self) -> bool:
        """Whether nothing of it is known to be missing."""
        return self._source.complete

    def _more(self) -> None:
        """Read the next frames; a pipe may have none yet."""
        frames = next(self._all, None)
        self._read = frames is None
        self._frames = frames if frames is not None and frames.count else None

    def wait(self, seconds: float) -> bool:
        """Wait until a frame is due, at most so long."""
        if self._frames is None and not self._read:
            self._more()
        if self._frames is None:
            self.finished = self._read
            return False
        if self._began is None:
            self._began = time.monotonic()
        limit = min(self._frames.count, self._at + AT_ONCE)
        if not self._speed:
            self._due = limit
            return True
        moment = self.first_us * 1000 + (time.monotonic() - self._began) * self._speed * 1e9
        times = self._frames.time[self._at : limit]
        later = np.flatnonzero(times > moment)  # captures of several interfaces aren't sorted
        self._due = self._at + (int(later[0]) if len(later) else len(times))
        if self._due == self._at:
            time.sleep(min(seconds, (int(times[0]) - moment) / 1e9 / self._speed))
            return False
        return True

    def next(self) -> Frames | None:
        """The frames that are due."""
        frames = self._frames
        if frames is None or self._due == self._at:
            return None
        part = slice(self._at, self._due)
        columns: dict[str, Any] = {name: getattr(frames, name)[part] for name in COLUMNS}
        return frames._replace(**columns, count=self._due - self._at)

    def release(self) -> None:
        """Go on to the next ones."""
        self._at = self._due
        if self._frames is not None and self._at == self._frames.count:
            self._frames, self._at, self._due = None, 0, 0

    def refuse_more(self) -> None:
        """Give no more frames."""
        self._frames, self._read = None, True
        self._at = self._due = 0

    def statistics(self) -> tuple[int, int]:
        """Nothing is lost."""
        return 0, 0

    def close(self) -> None:
        """Close the capture."""
        self._source.close()


class NoWire:
    """Slots that are emptied unsent: replies are made and counted only."""

    def __init__(self) -> None:
        layout = np.array([SLOT, DATA, SLOTS_A_BLOCK], np.int64)
        self.slots = Slots(np.zeros(SLOT * SLOTS_A_BLOCK, np.uint8), np.zeros(1, np.int64), layout)

    def send(self) -> None:
        """Empty them."""
        self.slots.octets.reshape(-1, SLOT)[:, :4] = 0

    def close(self) -> None:
        """Nothing to close."""
