"""File descriptors: enough for all connections, and a bounded number for each address.

A connection is counted by its protocol (connection.py) once TLS is established, and until then here.
"""

from __future__ import annotations

import contextlib
import resource
import socket
from collections import Counter
from typing import Any

from ims.portal.auth.rate_limit import customer

OWN = 512
"""Descriptors of a portal beside its callers' connections: files, sensors, engines, answers that wait on disk."""
SPARE = 2  # sockets per connection: those that make room are still there while they close
LEAVING = 64  # of `OWN`: sockets that made room before TLS was established and aren't closed yet


def needed(connections: int) -> int:
    """Descriptors of a portal with so many connections."""
    return SPARE * connections + OWN


def raise_limit(descriptors: int) -> int:
    """Raise the process's soft limit of file descriptors to so many, or to the hard limit. Returns the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= descriptors:
        return descriptors
    limit = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


class Listening(socket.socket):
    """A listening socket made of another. At most `most` connections are open, at most `each` of one address except
    `proxies`. Beyond that the oldest without TLS makes room, of the address that has most of those; without such a one
    the new connection is closed. For one thread."""

    def __init__(self, listening: socket.socket, most: int, each: int, proxies: tuple[str, ...] = ()) -> None:
        timeout = listening.gettimeout()
        super().__init__(fileno=listening.detach())
        self.settimeout(timeout)
        self._most, self._each, self._proxies = most, each, frozenset(map(customer, proxies))
        self.accepted: Counter[str] = Counter()  # open ones of each address
        self._beginning: dict[int, _Counted] = {}  # those without TLS yet, by descriptor, the oldest first
        self._leaving = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """As every socket's. Raises ConnectionAbortedError for one too many, BlockingIOError while too many that made
        room aren't closed yet."""
        if self._leaving >= LEAVING:
            raise BlockingIOError(f"{LEAVING} connections are being closed")
        made, place = super().accept()
        address = customer(place[0])
        too_many = address not in self._proxies and self.accepted[address] >= self._each
        if (too_many or self.accepted.total() >= self._most) and not self._evict_one(of=address if too_many else None):
            made.close()
            raise ConnectionAbortedError("too many connections")
        counted = _Counted(made, self, address)
        self._beginning[counted.fileno()] = counted
        self.accepted[address] += 1
        return counted, place

    def established(self, descriptor: int) -> None:
        """TLS is established there, or not used: from now on its protocol counts it (connection.py)."""
        self._beginning.pop(descriptor, None)

    def _evict_one(self, of: str | None) -> bool:
        """Evict one of this address, or of the one that has most, if there is one."""
        many = Counter(each.address for each in self._beginning.values())
        for address in self._proxies & many.keys():
            many[address] = 1
        chosen = of or max(many, key=many.__getitem__, default=None)
        oldest = next((each for each in self._beginning.values() if each.address == chosen), None)
        if oldest is None:
            return False
        oldest.evict()
        self._leaving += 1
        self._forget(oldest)
        return True

    def closing(self, counted: _Counted) -> None:
        """An accepted socket is about to be closed."""
        if counted.evicted:
            self._leaving -= 1
        else:
            self._forget(counted)

    def _forget(self, counted: _Counted) -> None:
        self._beginning.pop(counted.fileno(), None)
        self.accepted[counted.address] -= 1
        if not self.accepted[counted.address]:
            del self.accepted[counted.address]


class _Counted(socket.socket):
    """An accepted socket, counted until it is closed or evicted."""

    def __init__(self, made: socket.socket, listening: Listening, address: str) -> None:
        super().__init__(fileno=made.detach())
        self._listening, self.address, self.evicted = listening, address, False

    def evict(self) -> None:
        """Shut it down; its reader closes it: if it were closed here, its descriptor might be reused too early."""
        self.evicted = True
        with contextlib.suppress(OSError):  # the caller was faster
            self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """As every socket's."""
        if self.fileno() >= 0:
            self._listening.closing(self)
        super().close()
