"""A log file, each line appended by one write(), and its old files: kept by age, or by number."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

DAY = 86_400.0
SPAN = 7 * DAY
"""A file spans no more than this, so that old ones can be dropped by age."""
_STAMPED = re.compile(r"\d{8}T\d{12}Z|\d{1,6}")


class AuditFile:
    """One file (0600). Not thread-safe; one process a file. Raises OSError where it can't be made.

    At `max_bytes`, or once it spans a week, it becomes `NAME.TIME`. Old ones are removed when their last line is older
    than `age` seconds; with `keep`, all but the newest `keep` too: without it no size ever drops a line.
    """

    def __init__(
        self, path: Path, *, max_bytes: int, age: float, keep: int | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._path, self._max, self._age, self._keep, self._clock = path, max_bytes, age, keep, clock
        self._file, self._size, self._begun, self._cut = -1, 0, clock(), False
        self._open()
        self._drop()

    def append(self, line: bytes) -> None:
        """Add a line. Raises OSError where it isn't written whole; the next line begins anew all the same."""
        now = self._clock()
        if self._file < 0 or (self._size and (self._size + len(line) > self._max or now - self._begun > SPAN)):
            self._rotate()
        if self._file < 0:
            raise FileNotFoundError(f"{self._path} can't be opened")
        rest = b"\n" + line if self._cut else line
        while rest:  # if only a part fits, writing the rest says why
            written = os.write(self._file, rest)
            self._size, rest = self._size + written, rest[written:]
            self._cut = bool(rest)

    def close(self) -> None:
        """Close it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def old(self) -> list[Path]:
        """The old ones, the oldest first."""
        begin = f"{self._path.name}."
        with contextlib.suppress(OSError):
            found = [each for each in self._path.parent.iterdir() if each.name.startswith(begin)]
            old = sorted(each for each in found if _STAMPED.fullmatch(each.name[len(begin) :]))
            # Numbers are an earlier version's, whose greatest was the oldest.
            numbered = [each for each in old if each.suffix[1:].isdigit()]
            numbered.sort(key=lambda each: int(each.suffix[1:]), reverse=True)
            return numbered + [each for each in old if each not in numbered]
        return []

    def _rotate(self) -> None:
        """Begin another file; where that can't be, go on in this one."""
        with contextlib.suppress(OSError):
            if self._file >= 0 and self._size:
                stamp = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y%m%dT%H%M%S%fZ")
                with contextlib.suppress(FileNotFoundError):
                    self._path.rename(self._path.with_name(f"{self._path.name}.{stamp}"))
            before = self._file
            self._open()
            if before >= 0:
                os.close(before)
            self._drop()

    def _drop(self) -> None:
        old = self.old()
        surplus = len(old) if self._keep is None else self._keep
        for place, each in enumerate(reversed(old)):
            with contextlib.suppress(OSError):
                if place >= surplus or self._clock() - each.stat().st_mtime > self._age:
                    each.unlink()

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path, flags, 0o600)
        os.fchmod(file, 0o600)
        self._file, self._size = file, os.fstat(file).st_size
        # A line that was cut off by a killed portal or a full disk must not spoil the next one.
        self._cut = self._size > 0 and os.pread(file, 1, self._size - 1) != b"\n"
        self._begun = _begun(os.pread(file, 200, 0), self._clock())


def _begun(first: bytes, now: float) -> float:
    """When a file was begun, by the time at the begin of its first line; now, if it has none."""
    match = re.match(rb'\{"time": ("[^"]{10,40}")', first)
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(json.loads(match[1])).timestamp() if match else now
    return now
