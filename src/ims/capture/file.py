"""A capture's file: opened once, and waited for in short steps, so that signals are handled.

Regular files can be opened again and read ahead. Pipes and the like give their octets once.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path

SILENCE_SECONDS = 0.2
KINDS = {stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a block device"}

Stop = Callable[[], bool]
"""Whether to give up waiting."""


def never() -> bool:
    """Wait for ever."""
    return False


def gives_once(path: str | Path) -> bool:
    """Whether it isn't a regular file: its octets can be read only once. So is standard input, which may have been read
    from before. Raises FileNotFoundError."""
    return str(path) == "-" or not stat.S_ISREG(_status(path).st_mode)


def identity(path: str | Path) -> tuple[int, int]:
    """Device and inode, the same for all names of a file. `-`: standard input; raises ValueError where it is closed."""
    status = os.fstat(_standard_input()) if str(path) == "-" else _status(path)
    return status.st_dev, status.st_ino


def open_file(path: str | Path) -> tuple[FileIO, int | None]:
    """(a file, its size or None where it isn't a regular one). A named pipe is opened without waiting for its writer:
    `something_came` waits.

    Raises FileNotFoundError, IsADirectoryError, PermissionError; ValueError for what can't be a capture.
    """
    if str(path) == "-":
        descriptor = os.dup(_standard_input())
    else:
        kind = stat.S_IFMT(_status(path).st_mode)
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(f"{path} is a folder; expected a capture file (or --watch for a folder)")
        if kind in KINDS:
            raise ValueError(f"{path} is {KINDS[kind]}; expected a capture file or a pipe")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # readers poll it
    file = os.fdopen(descriptor, "rb", buffering=0)
    try:
        status = os.fstat(file.fileno())
        if file.isatty():
            raise ValueError(f"{name_of(path)} is a terminal; expected a capture file or a pipe")
    except BaseException:
        file.close()
        raise
    return file, status.st_size if stat.S_ISREG(status.st_mode) else None


def name_of(path: str | Path) -> str:
    """Its name in messages."""
    return "standard input" if str(path) == "-" else str(path)


def unreadable(octets_read: int, error: OSError) -> str:
    """The warning about a file that can't be read to its end: a bad sector, a server that is gone."""
    return f"can't be read beyond byte {octets_read:,} ({error.strerror or error})"


def something_came(file: FileIO) -> bool:
    """Wait for a pipe's octets or end, at most SILENCE_SECONDS; regular files are always ready. A pipe that no writer
    has opened yet has no end (Linux, pipe_poll): its first reader waits."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(SILENCE_SECONDS * 1000))


def first_octets(file: FileIO, count: int, stop: Stop) -> bytes:
    """The first `count` octets, or fewer where the file ends sooner. Raises InterruptedError once `stop` says so."""
    head = b""
    while len(head) < count:
        if stop():
            raise InterruptedError("stopped before the capture began")
        more = file.read(count - len(head)) if something_came(file) else None
        if more == b"":
            break
        head += more or b""
    return head


def _standard_input() -> int:
    """Its descriptor. Raises ValueError."""
    if sys.stdin is None or sys.stdin.closed:
        raise ValueError("standard input is closed")
    return sys.stdin.fileno()


def _status(path: str | Path) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116  (/dev/fd/N is followed to what it is)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
