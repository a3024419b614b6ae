"""One writer a sensor name: a lock that dies with its process, so a crash leaves none behind."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class WriterLock:
    """Held while writing. Raises ValueError where another process writes under the same sensor name."""

    def __init__(self, folder: Path, sensor: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise ValueError(
                f"sensor {sensor!r} is being written by process {holder}; wait for it, or give another --sensor name"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others write."""
        os.close(self._fd)
