"""One writer a sensor name: a lock that dies with its process, so a crash leaves none behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from ims.store.schema import make_folder


class WriterBusyError(ValueError):
    """Another process writes under this sensor name."""


def refuse_busy(folder: Path, sensor: str) -> None:
    """Raises ValueError where another process writes under this sensor name; makes nothing where none ever did."""
    if (folder / "lock").exists():
        WriterLock(folder, sensor).release()


def refuse_held(folder: Path, sensor: str, is_expected: Callable[[int], bool]) -> int | None:
    """As `refuse_busy`, but a writing process that `is_expected` accepts is allowed, and returned. Writes nothing."""
    try:
        fd = os.open(folder / WriterLock.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(fd)
        if holder.isdecimal() and is_expected(int(holder)):
            return int(holder)
        why = f"sensor {sensor!r} is being written by process {holder}"
        raise ValueError(f"{why}; stop that, or give this one a store of its own") from None
    finally:
        os.close(fd)
    return None


def _holder(fd: int) -> str:
    return os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"


class WriterLock(contextlib.AbstractContextManager["WriterLock"]):
    """Held while writing. Raises WriterBusyError where another process writes under the same sensor name."""

    file = "lock"
    busy = "sensor {sensor!r} is being written by process {holder}; wait for it, or give another --sensor name"

    def __init__(self, folder: Path, sensor: str) -> None:
        make_folder(folder)
        self._fd = os.open(folder / self.file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(self._fd)
            os.close(self._fd)
            if not isinstance(error, BlockingIOError):  # a file system without locks
                raise
            raise WriterBusyError(self.busy.format(sensor=sensor, holder=holder)) from None
        # Padded, not cut off first: a reader sees the old number or the new one. A full disk is no reason to refuse.
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, f"{os.getpid():<20}\n".encode(), 0)

    def release(self) -> None:
        """Let others write; may be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __exit__(self, *error: object) -> None:
        self.release()


class ShipperLock(WriterLock):
    """Held while a sensor's files are shipped; its writer goes on meanwhile. Raises ValueError where another ships."""

    file = "ship.lock"
    busy = "sensor {sensor!r} is being shipped by process {holder}; wait for it"
