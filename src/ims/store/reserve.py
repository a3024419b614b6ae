"""A little room that a sensor's writer keeps for a disk that is full: enough to write what was lost, and a manifest.

STORE/_state/sensor=NAME/reserve      RESERVE octets, allocated while there is room, given back where there is none
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

RESERVE = 128 << 10
ROOM = 8
"""So many times RESERVE must be free for it to be taken."""


class Reserve:
    """For the holder of the sensor's lock."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "reserve"

    def take(self) -> None:
        """Keep the room, unless there is little. What can't be kept is done without."""
        with contextlib.suppress(OSError):
            if not self._file.exists() and self._free() >= ROOM * RESERVE:
                fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
                try:
                    os.posix_fallocate(fd, 0, RESERVE)
                except BaseException:
                    self._file.unlink()
                    raise
                finally:
                    os.close(fd)

    def give_back(self) -> None:
        """Make room where there is less than what is kept."""
        with contextlib.suppress(OSError):
            if self._free() < RESERVE:
                self._file.unlink(missing_ok=True)

    def _free(self) -> int:
        found = os.statvfs(self._file.parent)
        return found.f_bavail * found.f_frsize
