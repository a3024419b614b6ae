"""File descriptors: as many as connections may take, and each address its part of them from the first octet on.

A connection is counted by its protocol (connection.py) once TLS is agreed upon; what was accepted before, here.
"""

from __future__ import annotations

import resource
import socket
from collections import Counter
from typing import Any

from ims.portal.api.addresses import customer

OWN = 512
"""Descriptors of a portal beside its callers' connections: files, sensors, engines, answers that wait on disk."""
SPARE = 2
"""Times as many sockets as connections: those that make room for others are still there while they close."""


def needed(connections: int) -> int:
    """Descriptors of a portal with so many connections."""
    return SPARE * connections + OWN


def raise_limit(descriptors: int) -> int:
    """Raise the process's soft limit of file descriptors to so many, or to the hard limit; the one that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= descriptors:
        return descriptors
    limit = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


class Listening(socket.socket):
    """A listening socket made of another. What comes beyond `most`, or beyond `each` of one address, is closed at
    once. `proxies`: addresses that `each` doesn't hold for. For one thread."""

    def __init__(self, listening: socket.socket, most: int, each: int, proxies: tuple[str, ...] = ()) -> None:
        timeout = listening.gettimeout()
        super().__init__(fileno=listening.detach())
        self.settimeout(timeout)
        self._most, self._each, self._proxies = most, each, frozenset(map(customer, proxies))
        self.accepted: Counter[str] = Counter()
        """Open ones of each address."""

    def accept(self) -> tuple[socket.socket, Any]:
        """As every socket's. Raises ConnectionAbortedError for one that is one too many."""
        made, place = super().accept()
        address = customer(place[0])
        each = self._most if address in self._proxies else self._each
        if self.accepted[address] >= each or self.accepted.total() >= self._most:
            made.close()
            raise ConnectionAbortedError("too many connections")
        return _Counted(made, self.accepted, address), place


class _Counted(socket.socket):
    """An accepted socket, which is taken off the count when it is closed."""

    def __init__(self, made: socket.socket, count: Counter[str], address: str) -> None:
        super().__init__(fileno=made.detach())
        self._count, self._address, self._counts = count, address, True
        count[address] += 1

    def close(self) -> None:
        """As every socket's."""
        super().close()
        if self._counts:
            self._counts = False
            self._count[self._address] -= 1
            if not self._count[self._address]:
                del self._count[self._address]
