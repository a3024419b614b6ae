"""Connections of this process, by their peers: how to end one whose caller reads nothing.

gRPC writes until a caller's window is full (RFC 9113, 5.2) and then waits, perhaps for ever. Flight has no deadline for
that; only the end of the connection, with all other calls of the same caller on it, ends the wait.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
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
    expected = read_peer(peer)
    return any(_ended(int(file.name), expected, port) for file in OPEN.iterdir())


def _ended(descriptor: int, expected: Endpoint, port: int) -> bool:
    """End it if it is that connection; whether it was."""
    with suppress(OSError), ExitStack() as stack:  # closed meanwhile, no number is free, no socket, or without a peer
        copy = os.dup(descriptor)  # so that the number can't become another's meanwhile
        stack.callback(os.close, copy)
        found = socket.socket(fileno=copy)
        stack.callback(found.detach)
        if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM:
            host, peer_port = found.getpeername()[:2]
            if (_plain(host.partition("%")[0]), peer_port) == expected and found.getsockname()[1] == port:
                found.shutdown(socket.SHUT_RDWR)
                return True
    return False


def _plain(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address; an IPv4 address for one that is mapped into IPv6 (RFC 4291, 2.5.5.2)."""
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address
