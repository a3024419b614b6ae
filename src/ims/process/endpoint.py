"""An address and a port to listen on, tried before they are used: what can't be had is said with its true cause.

Arrow's Flight says `Unknown error` for each of them.
"""

from __future__ import annotations

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
    try:
        return _listening(endpoint)
    except OSError as error:
        refuse_endpoint(setting, endpoint, error.errno or errno.EIO)
        raise


def endpoint_error(endpoint: str) -> int:
    """The number of the error that listening there would end with; 0 where it can be listened on.

    The address is taken and not listened on: nothing is in the way of others who try it, nor of a daemon that starts.
    """
    try:
        _bound(endpoint).close()
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def refuse_endpoint(setting: str, endpoint: str, error: int) -> None:
    """Raises OSError for an error's number but 0; it names the setting, the address and the cause: who listens there
    already, that no interface has the address, that the port is a privileged one."""
    if error:
        raise OSError(f"{setting} = {endpoint!r}: can't listen there: {_why(error, *endpoint_of(endpoint))}") from None


def _listening(endpoint: str) -> socket.socket:
    found = _bound(endpoint)
    try:
        found.listen(1024)
    except OSError:
        found.close()
        raise
    return found


def _bound(endpoint: str) -> socket.socket:
    address, port = endpoint_of(endpoint)
    found = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # refused only where somebody listens
        if found.family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((address, port))
    except OSError:
        found.close()
        raise
    return found


def _why(error: int, address: str, port: int) -> str:
    said = os.strerror(error).lower()
    if error == errno.EADDRINUSE:
        holder = holder_of(address, port)
        by = f", by process {holder[0]} ({holder[1]})" if holder is not None else ""
        return f"{said}{by}; stop that, or take another port"
    if error == errno.EADDRNOTAVAIL:
        return f"no interface of this machine has {address} ({said}); `ip address` shows those there are"
    first = _first_unprivileged()
    if error in DENIED and port < first:
        return f"{said}: ports below {first} want CAP_NET_BIND_SERVICE; take one from {first} on"
    return said


def _first_unprivileged() -> int:
    try:
        return int(UNPRIVILEGED.read_text())
    except (OSError, ValueError):
        return 1024


def holder_of(address: str, port: int) -> tuple[int, str] | None:
    """(process, its program's name) that listens there; None where this user may not know."""
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
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    own = _as_proc_writes(socket.inet_pton(family, address))
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
                and (where == own or not int(where, 16) or not int(own, 16))
            ):
                found.append(fields[9])
    return found


def _as_proc_writes(octets: bytes) -> str:
    """Four octets at a time, in the machine's order (little-endian here), in hexadecimal."""
    return "".join(octets[at : at + 4][::-1].hex().upper() for at in range(0, len(octets), 4))
