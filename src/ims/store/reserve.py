"""Disk space that a sensor's writer keeps for when the disk is full: enough to record losses, and write a manifest.

STORE/_state/sensor=NAME/reserve      RESERVE octets, allocated while there is room, given back where there is none
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

RESERVE = 128 << 10
ROOM = 8
"""It is taken where so many times RESERVE are free."""


class Reserve:
    """For the holder of the sensor's lock."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "reserve"

    def take(self) -> None:
        """Allocate the reserve, unless little space is left. Errors are ignored."""
        with contextlib.suppress(OSError):
            if not self._file.exists() and self._free() >= ROOM * RESERVE:
                with self._file.open("xb") as file, contextlib.ExitStack() as on_error:
                    on_error.callback(self._file.unlink)
                    os.posix_fallocate(file.fileno(), 0, RESERVE)
                    on_error.pop_all()

    def give_back(self) -> None:
        """Delete the reserve where less than its size is free."""
        with contextlib.suppress(OSError):
            if self._free() < RESERVE:
                self._file.unlink(missing_ok=True)

    def _free(self) -> int:
        found = os.statvfs(self._file.parent)
        return found.f_bavail * found.f_frsize
