"""Endpoints as people write them: an address and a port."""

from __future__ import annotations

import ipaddress


def endpoint_of(text: str) -> tuple[str, int]:
    """(address, port) of `127.0.0.1:9477` or `[::1]:9477`. Raises ValueError."""
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port)
    except ValueError:
        number = -1
    if not 0 < number < 1 << 16:
        raise ValueError("expected an address and a port, such as 127.0.0.1:9477")
    return str(address), number
