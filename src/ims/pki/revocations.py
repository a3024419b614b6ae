"""The list of revoked certificates as a daemon uses it: read again when its file changes, and closed when in doubt."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

from ims.pki.credentials import parse_authorities
from ims.pki.pem import read_file
from ims.pki.revoked_list import number_of, read_lists, serials_of

_SERIAL = re.compile(r"[0-9a-f]{32,40}")
_SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was read is read again at the next question: a second change within the
same tick of the file system's clock would not show in its times."""


class Revocations:
    """May be asked from any thread.

    A list that is missing, damaged, foreign or older than the one in use is not taken: the last good one stays in use
    and `problem` says why. As long as there was no good one, everybody counts as revoked.
    """

    def __init__(self, path: Path, ca_pem: bytes) -> None:
        """`path`: a copy of the authority's revoked.pem, or several after each other, one for each authority in
        `ca_pem`. Raises ValueError for a `ca_pem` that holds no authority; never for the list."""
        self._path = path
        self._authorities = parse_authorities(ca_pem, "ca.pem")
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._settled = False
        self._octets: bytes | None = None
        self._revoked: frozenset[str] | None = None
        self._numbers = [0] * len(self._authorities)
        self._problem: str | None = None

    def is_revoked(self, serial: str) -> bool:
        """Whether to refuse the certificate with this serial number; always for what is no serial number."""
        with self._lock:
            self._refresh()
            return self._revoked is None or _SERIAL.fullmatch(serial) is None or serial in self._revoked

    @property
    def problem(self) -> str | None:
        """What is wrong with the list that is there now, in one line."""
        with self._lock:
            self._refresh()
            return self._problem

    def _refresh(self) -> None:
        stamp = self._stamp_now()
        if stamp is not None and stamp == self._stamp and self._settled:
            return
        settled = stamp is not None and time.time_ns() - max(stamp[:2]) > _SETTLED_NS
        try:
            octets = read_file(self._path, "the authority's list, revoked.pem")
            if octets != self._octets:
                self._take(octets)
            self._problem = None
        except (ValueError, OSError) as error:
            consequence = "all are refused" if self._revoked is None else "the last good list stays in use"
            self._problem = f"{error}; {consequence}"
        self._stamp, self._settled = stamp, settled

    def _take(self, octets: bytes) -> None:
        lists = read_lists(octets, self._authorities, self._path)
        numbers = [number_of(found) for found in lists]
        if any(found < known for found, known in zip(numbers, self._numbers, strict=True)):
            raise ValueError(f"{self._path} is older than the list in use")
        self._revoked = frozenset(serial for found in lists for serial in serials_of(found))
        self._numbers = numbers
        self._octets = octets

    def _stamp_now(self) -> tuple[int, ...] | None:
        """Taken before the file is read: a change in between is seen the next time."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev
