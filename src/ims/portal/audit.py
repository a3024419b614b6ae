"""Who asked what, and what came of it: JSON, a line each, for the portal's operators."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SECRET_NAMES = ("password", "secret", "authorization", "cookie", "credential", "session")
"""A field whose name holds one of these is written as `REDACTED`."""
REDACTED = "(not written)"
LONGEST_TEXT = 8192
_TOKEN = re.compile(r"(?:ims_|[Bb]earer |[Bb]asic )[A-Za-z0-9_\-+/=.]{8,}")


class Audit:
    """Lines appended to a file (0600), each by one write(); thread-safe, one process a file.

    At `max_bytes` the file becomes `NAME.1`, that `NAME.2`, and so on; `keep` old ones stay. Texts are written in
    ASCII with everything else escaped, so no line can be forged and no terminal obeys one. Fields named like secrets,
    and texts that look like tokens, are not written. A line that can't be written is counted in `lost`, and the
    portal goes on. Raises OSError where the file can't be made.
    """

    def __init__(
        self, path: Path, max_bytes: int = 64 << 20, keep: int = 8, clock: Callable[[], float] = time.time
    ) -> None:
        self._path, self._max, self._keep, self._clock = Path(path), max_bytes, keep, clock
        self._lock = threading.Lock()
        self._file = self._opened()
        self._size = os.fstat(self._file).st_size
        # What a killed portal or a full disk left of a line must not spoil the next one.
        self._cut = self._size > 0 and os.pread(self._file, 1, self._size - 1) != b"\n"
        self.lost = 0

    def write(self, **fields: Any) -> None:
        """Add a line: `time` and these fields. Never raises for what the disk or a value does."""
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        fields.pop("time", None)
        line = _line({"time": now, **{name: _safe(name, value) for name, value in fields.items()}})
        with self._lock:
            if self._file < 0 or (self._size and self._size + len(line) > self._max):
                self._rotate()
            try:
                self._append(b"\n" + line if self._cut else line)
            except OSError:
                self.lost += 1

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _append(self, line: bytes) -> None:
        written = os.write(self._file, line)
        self._size += written
        self._cut = written < len(line)
        if self._cut:
            self.lost += 1

    def _rotate(self) -> None:
        """Begin another file; where that can't be, go on in this one."""
        with contextlib.suppress(OSError):
            if self._size:
                for number in range(self._keep - 1, 0, -1):
                    with contextlib.suppress(FileNotFoundError):
                        self._old(number).rename(self._old(number + 1))
                if self._keep:
                    self._path.rename(self._old(1))
                else:
                    self._path.unlink()
            fresh = self._opened()
            if self._file >= 0:
                os.close(self._file)
            self._file, self._size, self._cut = fresh, os.fstat(fresh).st_size, False

    def _old(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _opened(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path, flags, 0o600)
        os.fchmod(file, 0o600)
        return file


def _line(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=True, allow_nan=True, default=str)
    return text.replace("\x7f", "\\u007f").encode("ascii") + b"\n"


def _safe(name: str, value: Any, depth: int = 0) -> Any:
    """The value without secrets, not too long, not too deep."""
    if any(word in name.lower() for word in SECRET_NAMES):
        return REDACTED
    if isinstance(value, str):
        text = _TOKEN.sub(REDACTED, value)
        return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "..."
    if isinstance(value, bytes):
        return _safe(name, value[:LONGEST_TEXT].decode("ascii", "backslashreplace"), depth)
    if isinstance(value, int | float) or value is None:
        return value
    if depth >= 8:
        return "..."
    if isinstance(value, dict):
        return {_safe("", str(key)): _safe(str(key), inside, depth + 1) for key, inside in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(name, inside, depth + 1) for inside in value]
    return _safe(name, str(value), depth)
