"""Ports of loopback that nobody else takes before the test's own program listens there.

A port of the system's choice may be another's by then: a daemon of another worker, or the near end of a connection. So
these are below those that the system gives away, and each is kept for this process, in all runs on this machine, by a
name of a Unix socket (unix(7), abstract), which ends with the process.
"""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

LOWEST = 10_000
_GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")
_names: list[socket.socket] = []
"""Of the ports that were handed out."""
_next = itertools.count(os.getpid() * 101)


def free_port() -> int:
    """A port at which nobody listens, and which nobody is given by the system or by this function. It may be listened
    at, left, and listened at again."""
    count = max(int(_GIVEN.read_text().split()[0]) - LOWEST, 1)
    for _ in range(count):
        port = LOWEST + next(_next) % count
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0ims-tests-port-{port}")
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            name.close()
            continue
        _names.append(name)
        return port
    raise OSError("no free port below those that the system gives away")
