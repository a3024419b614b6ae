"""The list of revoked certificates as a daemon uses it: reread when its file changes; if in doubt, all are refused."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from ims.cause import cause
from ims.pki.credentials import parse_authorities
from ims.pki.pem import read_file
from ims.pki.revoked_list import ListError, check_current, number_of, read_lists, serials_of

_SERIAL = re.compile(r"[0-9a-f]{32,40}")
_SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was read is reread at the next use: a second change within the same tick
of the file system's clock doesn't change its times."""


class Refusal(NamedTuple):
    """Why a certificate is refused. `kind`: `revoked`: it is on the list; `list`: there is no usable list; `serial`: it
    has no serial number. `text` names no file."""

    kind: str
    text: str


class Revocations:
    """Thread-safe. A list that is missing, unreadable, damaged, foreign, expired or older than the one in use is
    rejected: the last good one stays in use until it expires, and `problem` says why. Without one, all are refused."""

    def __init__(self, path: Path, ca_pem: bytes, clock: Callable[[], float] = time.time) -> None:
        """`path`: a copy of the authority's revoked.pem, or one for each authority in `ca_pem`, concatenated. Raises
        ValueError for a `ca_pem` without an authority; never for the list."""
        self._path, self._clock = path, clock
        self._authorities = parse_authorities(ca_pem, "ca.pem")
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._settled = False
        self._octets: bytes | None = None
        self._lists: list[x509.CertificateRevocationList] = []
        self._until = float("inf")
        self._revoked: frozenset[str] | None = None
        self._numbers = [0] * len(self._authorities)
        self._problem: ListError | None = None

    def refusal(self, serial: str) -> Refusal | None:
        """Why to refuse the certificate with this serial number, or None."""
        with self._lock:
            self._refresh()
            if _SERIAL.fullmatch(serial) is None:
                return Refusal("serial", "the certificate has no serial number")
            if self._revoked is not None and serial in self._revoked:
                return Refusal("revoked", f"the certificate {serial} is revoked")
            if not self._is_usable():
                state = self._problem.state if self._problem is not None else "expired"
                return Refusal("list", f"the list of revoked certificates is {state}")
            return None

    def refuses(self, serial: str) -> bool:
        """Whether to refuse the certificate with this serial number, for whatever reason."""
        return self.refusal(serial) is not None

    @property
    def problem(self) -> str | None:
        """What is wrong with the present list, in one line."""
        with self._lock:
            self._refresh()
            if self._problem is None:
                return None
            return f"{self._problem}; {'the last good list stays in use' if self._is_usable() else 'all are refused'}"

    def _is_usable(self) -> bool:
        return self._revoked is not None and self._clock() <= self._until

    def _refresh(self) -> None:
        stamp = self._stamp_now()  # before the file is read: a change in between is seen the next time
        has_expired = self._problem is None and self._clock() > self._until
        if stamp is None or stamp != self._stamp or not self._settled or has_expired:
            self._read(stamp)

    def _read(self, stamp: tuple[int, ...] | None) -> None:
        settled = stamp is not None and time.time_ns() - max(stamp[:2]) > _SETTLED_NS
        try:
            octets = read_file(self._path, "the authority's list, revoked.pem")
            if octets != self._octets:
                self._take(octets)
            self._check_current(self._lists)
            self._problem = None
        except ListError as error:
            self._problem = error
        except FileNotFoundError as error:
            self._problem = ListError("missing", cause(error))
        except ValueError as error:
            self._problem = ListError("damaged", cause(error))
        except OSError as error:
            self._problem = ListError("unreadable", cause(error))
        self._stamp, self._settled = stamp, settled

    def _take(self, octets: bytes) -> None:
        lists = read_lists(octets, self._authorities, self._path)
        numbers = [number_of(found) for found in lists]
        if any(found < known for found, known in zip(numbers, self._numbers, strict=True)):
            raise ListError("older", f"{self._path} is older than the list in use")
        if self._is_usable():
            self._check_current(lists)
        self._revoked = frozenset(serial for found in lists for serial in serials_of(found))
        self._lists, self._numbers, self._octets = lists, numbers, octets
        ends = [found.next_update_utc for found in lists]
        self._until = min((end.timestamp() for end in ends if end is not None), default=float("inf"))

    def _check_current(self, lists: list[x509.CertificateRevocationList]) -> None:
        check_current(lists, self._path, datetime.fromtimestamp(self._clock(), UTC))

    def _stamp_now(self) -> tuple[int, ...] | None:
        with suppress(OSError):
            found = self._path.stat()
            return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev
        return None
