"""What a daemon tells systemd (sd_notify(3)), without its library."""

from __future__ import annotations

import os
import socket


def tell_systemd(state: str) -> None:
    """Tell the service manager, if one started us (sd_notify(3)): `READY=1`, `STOPPING=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
