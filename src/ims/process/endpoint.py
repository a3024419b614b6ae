"""An address and a port to listen on, tried before use, so that errors have their true cause: Arrow's Flight says
`Unknown error` for each of them."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

from ims.cause import DENIED
from ims.settings.endpoints import endpoint_of

LISTENING = "0A"
"""State of a socket in /proc/net/tcp."""
UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def listening_socket(setting: str, endpoint: str) -> socket.socket:
    """A socket that listens there. `setting`: its name, for errors. Raises OSError as `refuse_endpoint` does."""
    address, port = endpoint_of(endpoint)
    try:
        return socket.create_server((address, port), family=_family(address), backlog=1024)
    except OSError as error:
        refuse_endpoint(setting, endpoint, error.errno or errno.EIO)
        raise


def endpoint_error(endpoint: str) -> int:
    """The number of the error that listening there would end with; 0 where it is possible.

    The address is bound, not listened on, so that neither others who try it nor a starting daemon are in the way.
    """
    address, port = endpoint_of(endpoint)
    try:
        with socket.socket(_family(address)) as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # refused only where somebody listens
            if found.family == socket.AF_INET6:
                found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            found.bind((address, port))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def refuse_endpoint(setting: str, endpoint: str, error: int) -> None:
    """Raises OSError for an error's number, unless it is 0, with the setting, the address and the cause: who listens
    there already, that no interface has the address, that the port is a privileged one."""
    if error:
        raise OSError(f"{setting} = {endpoint!r}: can't listen there: {_why(error, *endpoint_of(endpoint))}") from None


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _why(error: int, address: str, port: int) -> str:
    words = os.strerror(error).lower()
    if error == errno.EADDRINUSE:
        holder = holder_of(address, port)
        by = f", by process {holder[0]} ({holder[1]})" if holder is not None else ""
        return f"{words}{by}; stop that, or take another port"
    if error == errno.EADDRNOTAVAIL:
        return f"no interface of this machine has {address} ({words}); `ip address` shows those there are"
    first = 1024
    with contextlib.suppress(OSError, ValueError):
        first = int(UNPRIVILEGED.read_text())
    if error in DENIED and port < first:
        return f"{words}: ports below {first} want CAP_NET_BIND_SERVICE; take one from {first} on"
    return words


def holder_of(address: str, port: int) -> tuple[int, str] | None:
    """(process, its program's name) that listens there; None where this user can't see it."""
    inodes = {f"socket:[{inode}]" for inode in _inodes(address, port)}
    for process in Path("/proc").iterdir() if inodes else ():
        if not process.name.isdecimal():
            continue
        try:
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):  # noqa: PTH115
                return int(process.name), (process / "comm").read_text().strip()
        except OSError:
            continue
    return None


def _inodes(address: str, port: int) -> list[str]:
    """Of sockets that listen at this port, on this address or on all."""
    octets = socket.inet_pton(_family(address), address)
    # /proc writes each four octets in the machine's order (little-endian here), in hexadecimal.
    own = "".join(octets[at : at + 4][::-1].hex().upper() for at in range(0, len(octets), 4))
    found = []
    for name in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            where, _, number = fields[1].partition(":")
            if (
                fields[3] == LISTENING
                and int(number, 16) == port
                and (where == own or 0 in (int(where, 16), int(own, 16)))
            ):
                found.append(fields[9])
    return found
