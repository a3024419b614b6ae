"""Where a scenario may be played: on links that lead nowhere else.

An interface is allowed inside a network namespace, if it is one end of a veth pair or a dummy, or if it is named
explicitly. `transmit` checks of each frame that it goes to the scenario's blocks.
"""

from __future__ import annotations

import errno
import re
import socket
import struct
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

from ims.capture.afpacket import Interface, interface

KINDS = ("veth", "dummy")
ARP_SECONDS, ARP_TRIES = 1.0, 3
ETH_P_ARP = 0x0806


def allowed(name: str, *, explicitly: bool) -> Interface:
    """The interface, if a scenario may be played on it. Raises ValueError: why not, and which may be used."""
    device = interface(name)
    if not device.has_link_header or device.mtu < 1500:
        raise ValueError(f"{name}: expected an Ethernet interface with an MTU of 1500, found one of {device.mtu}")
    if explicitly or in_namespace_of_its_own() or kind_of(device) in KINDS:
        return device
    raise ValueError(
        f"{name} may lead to other people's networks: a scenario is played on a veth interface, or inside a network "
        f"namespace (ip netns exec NAME ims simulate …); where this link is known to be private: --allow {name}"
    )


def in_namespace_of_its_own() -> bool:
    """Whether this process has another network than the machine's first process."""
    try:
        return Path("/proc/self/ns/net").readlink() != Path("/proc/1/ns/net").readlink()
    except OSError:  # not permitted to us: it may be the machine's
        return False


def kind_of(device: Interface) -> str:
    """`veth`, `dummy`, …; empty for hardware."""
    with IPRoute() as route:
        link = route.get_links(device.number)[0]
    about = link.get_attr("IFLA_LINKINFO")
    return str(about.get_attr("IFLA_INFO_KIND")) if about is not None else ""


def mac_of(text: str) -> bytes:
    """`02:00:00:00:00:01` as octets. Raises ValueError."""
    if not re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", text):
        raise ValueError(f"--to {text!r}: expected a MAC address such as 02:00:00:00:00:01")
    return bytes.fromhex(text.replace(":", ""))


def next_hop(device: Interface, address: str) -> bytes:
    """The MAC address to which packets for `address` go on this interface: the gateway's, or that of the address
    itself. Raises ValueError where there is no route or nobody answers."""
    with IPRoute() as route:
        try:
            way: Any = route.route("get", dst=address, oif=device.number)[0]
        except Exception as error:  # netlink's own, too
            reason = errno.errorcode.get(getattr(error, "errno", None) or 0, str(error))
            raise ValueError(
                f"no route to {address} by {device.name} ({reason}); give the MAC address with --to"
            ) from None
    hop = str(way.get_attr("RTA_GATEWAY") or address)
    own = str(way.get_attr("RTA_PREFSRC") or "0.0.0.0")  # noqa: S104  # a sender's address, nothing is bound
    found = _resolve(device, socket.inet_aton(hop), socket.inet_aton(own))
    if found is None:
        raise ValueError(f"nobody answers for {hop} on {device.name}; give the MAC address with --to")
    return found


def _resolve(device: Interface, address: bytes, own: bytes) -> bytes | None:
    """The MAC address of an IPv4 address, by ARP (RFC 826)."""
    request = b"\xff" * 6 + device.mac + struct.pack(">HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, 1)
    request += device.mac + own + bytes(6) + address
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP)) as raw:
        raw.bind((device.name, ETH_P_ARP))
        raw.settimeout(ARP_SECONDS)
        for _ in range(ARP_TRIES):
            raw.send(request)
            try:
                while True:
                    frame = raw.recv(64)
                    if len(frame) >= 42 and frame[20:22] == b"\x00\x02" and frame[28:32] == address:
                        return frame[22:28]
            except TimeoutError:
                continue
    return None
