"""Connections of this process, by their peers: what ends one whose caller reads nothing.

gRPC writes until a caller's window is full (RFC 9113, 5.2) and waits then, for ever if need be. Flight has no deadline
for that; what ends the wait is the end of the connection, with all other calls of the same caller on it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

OPEN = Path("/proc/self/fd")
_PEER = re.compile(r"ipv[46]:(?:\[([0-9A-Fa-f:.]+)(?:%[^\]]*)?\]|([0-9.]+)):([0-9]+)")

Endpoint = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]


def read_peer(peer: str) -> Endpoint:
    """Address and port of a peer as gRPC names it, such as `ipv4:192.0.2.1:40000`. Raises ValueError."""
    match = _PEER.fullmatch(unquote(peer))
    if match is None:
        raise ValueError(f"{peer!r} is no peer with an address")
    return _plain(match[1] or match[2]), int(match[3])


def end_connection(peer: str, port: int) -> bool:
    """End the connection that this process took on `port` from a peer; whether there was one. Nothing is closed: its
    owner reads the end, and closes it. Raises ValueError for a peer without an address."""
    wanted = read_peer(peer)
    return any(_ended(int(file.name), wanted, port) for file in OPEN.iterdir())


def _ended(descriptor: int, wanted: Endpoint, port: int) -> bool:
    """End it if it is that connection; whether it was."""
    try:
        copy = os.dup(descriptor)  # so that the number can't be another's while it is looked at
    except OSError:  # closed meanwhile, or no number is free
        return False
    try:
        return stat.S_ISSOCK(os.fstat(copy).st_mode) and _ended_socket(copy, wanted, port)
    finally:
        os.close(copy)


def _ended_socket(descriptor: int, wanted: Endpoint, port: int) -> bool:
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        return False
    try:
        inet = found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM
        if not inet or _endpoint(found.getpeername()) != wanted or found.getsockname()[1] != port:
            return False
        found.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has no peer, or none any more
        return False
    finally:
        found.detach()
    return True


def _endpoint(name: tuple[Any, ...]) -> Endpoint:
    return _plain(name[0].partition("%")[0]), name[1]


def _plain(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """One that is mapped into IPv6 (RFC 4291, 2.5.5.2) as what it is."""
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address
