"""Whom an address stands for, where callers that aren't known yet are counted."""

from __future__ import annotations

import ipaddress


def customer(host: str) -> str:
    """An address as text; of IPv6 the /64, for that is what one customer has. What is no address stays, up to 64
    characters."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
