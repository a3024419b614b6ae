"""The audit log: who asked what, and the outcome; JSON, a line each, for the portal's operators.

Lines about known callers are in one file, kept by age. Those about unknown ones are in another, `NAME-unknown`, that is
throttled and bounded in size: nobody without an account drops a line about somebody with one, nor fills the disk.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from ims.cause import cause
from ims.portal.audit_file import DAY, AuditFile
from ims.portal.audit_line import line
from ims.portal.auth.rate_limit import RateLimit

AGE = 400 * DAY
LONGEST, LONGEST_UNKNOWN = 8192, 1024
"""Bytes of a line."""
MAX_BYTES = 64 << 20
UNKNOWN_FILES = 2
"""Of `MAX_BYTES` each: the one that is written, and an old one."""
UNKNOWN_EACH, UNKNOWN_ALL = (0.1, 20.0), (2.0, 200.0)
"""Lines a second, and at once: about one address, and about all unknown callers."""
MORE_SECONDS = 60.0
"""From the first line that is held back until their number is written."""
ALARM_SECONDS = 3600.0
"""How long a loss is reported."""
COMPLAINT_SECONDS = 60.0


class Losses(NamedTuple):
    """Lines `lost` since the portal began, why the last one was, and whether the newest line was lost too (`now`)."""

    lost: int
    why: str
    now: bool


class Audit:
    """Two files, thread-safe; one process a pair. `age`: seconds that lines about known callers are kept.

    A line that can't be written is counted and the portal goes on: a full disk must not stop those who watch an attack.
    `losses` reports it, the log says so at once and each minute, and afterwards a line in the file says how many.
    Raises OSError where the files can't be made."""

    def __init__(
        self,
        path: Path,
        *,
        age: float = AGE,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._ticks, self._lock, self._log = clock, ticks, threading.Lock(), structlog.get_logger()
        self._known = AuditFile(path, max_bytes=max_bytes, age=age, clock=clock)
        self._unknown = AuditFile(unknown_path(path), max_bytes=max_bytes, age=age, keep=UNKNOWN_FILES - 1, clock=clock)
        self._each = RateLimit(*UNKNOWN_EACH, keys=16_384, clock=ticks)
        self._all = RateLimit(*UNKNOWN_ALL, clock=ticks)
        self._more, self._more_since = 0, 0.0
        self._why, self._last_loss, self._complained, self._untold = "", -ALARM_SECONDS, -COMPLAINT_SECONDS, 0
        self.lost = self.held_back = self.written = 0

    def write(self, **fields: Any) -> None:
        """Add a line about a known caller: `time` and these fields. Raises nothing, whatever the disk or a value is."""
        with self._lock:
            self._put(self._known, fields, LONGEST)
            self._tell_more()

    def write_unknown(self, customer: str, /, **fields: Any) -> None:
        """Add a line about an unknown caller, or count it if there are too many about this `customer` or all."""
        with self._lock:
            if self._each.take(customer) > 0 or self._all.take("") > 0:
                self.held_back += 1
                self._more_since = self._more_since if self._more else self._ticks()
                self._more += 1
            else:
                self._put(self._unknown, fields, LONGEST_UNKNOWN)
            self._tell_more()

    def losses(self) -> Losses | None:
        """The losses since the portal began; None if there were none, or they are over and an hour old."""
        with self._lock:
            if not self.lost or (not self._untold and self._ticks() - self._last_loss > ALARM_SECONDS):
                return None
            return Losses(self.lost, self._why, bool(self._untold))

    def close(self) -> None:
        """Write how many lines were held back, and close the files."""
        with self._lock:
            self._tell_more(at_once=True)
            self._known.close()
            self._unknown.close()

    def _tell_more(self, at_once: bool = False) -> None:
        if self._more and (at_once or self._ticks() - self._more_since > MORE_SECONDS):
            fields = {"verb": "audit", "more": self._more, "why": "and as many more like these"}
            self._more = 0
            self._put(self._unknown, fields, LONGEST_UNKNOWN)

    def _put(self, file: AuditFile, fields: dict[str, Any], most: int) -> None:
        try:
            self._append(file, fields, most)
            self.written += 1
            if self._untold:
                self._append(self._known, {"verb": "audit", "lost": self._untold, "why": self._why}, LONGEST)
                lost, self._untold = self._untold, 0
                self._say("info", "the audit log is written again", lost=lost)
        except OSError as error:
            self.lost += 1
            self._untold += 1
            self._why, self._last_loss = cause(error), self._ticks()
            if self._last_loss - self._complained >= COMPLAINT_SECONDS:
                self._complained = self._last_loss
                self._say("error", "the audit log loses lines", lost=self.lost, why=self._why)

    def _append(self, file: AuditFile, fields: dict[str, Any], most: int) -> None:
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        file.append(line({"time": now} | {name: value for name, value in fields.items() if name != "time"}, most))

    def _say(self, level: str, event: str, **words: Any) -> None:
        with contextlib.suppress(OSError):  # the program's log may be on the same full disk
            getattr(self._log, level)(event, **words)


def unknown_path(path: Path) -> Path:
    """The file of lines about unknown callers: `audit.jsonl` has `audit-unknown.jsonl` beside it."""
    return path.with_stem(f"{path.stem}-unknown")
