"""The header of a pcap file of rebuilt packets, and a link layer for programs that need one.

Link types: https://www.tcpdump.org/linktypes.html. RAW is read by every program that was tried; IPV4 is more specific,
but argus, nfdump, softflowd, tcpflow, ngrep and libtrace's filters refuse it; tcpreplay sends Ethernet only. The
original link layer isn't stored, so the Ethernet header is synthetic, with locally administered addresses (IEEE 802,
section 8.4).
"""

from __future__ import annotations

import struct
from typing import Any, Literal, get_args

import numpy as np

from ims.packet import link_types
from ims.packet.ethernet import MADE_UP as ETHERNET
from ims.store.rebuild import RECORD

Array = np.ndarray[Any, Any]
Link = Literal["raw", "ethernet", "ipv4"]
LINKS: tuple[str, ...] = get_args(Link)
LINK_TYPES = {"raw": link_types.RAW, "ethernet": link_types.ETHERNET, "ipv4": link_types.IPV4}


def check_link(link: str) -> None:
    """Raises ValueError where it is none of LINKS."""
    if link not in LINKS:
        raise ValueError(f"no link {link!r}; expected one of {', '.join(LINKS)}")


def pcap_header(link: str = "raw") -> bytes:
    """Header of a pcap file with nanoseconds, least significant octet first."""
    return struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 18, LINK_TYPES[link])


def linked_offsets(offsets: Array, link: str) -> Array:
    """Where `linked` puts the records that stood at `offsets`."""
    more = len(ETHERNET) if link == "ethernet" else 0
    return offsets + more * np.arange(len(offsets))


def linked(octets: Array, offsets: Array, link: str) -> Array:
    """Records of raw packets (uint8, back to back; record i at offsets[i]) as those of a link type."""
    if link != "ethernet" or len(offsets) < 2:
        return octets
    begins = offsets[:-1]
    lengths = octets[begins[:, None] + np.arange(8, RECORD)].view("<u4") + len(ETHERNET)
    headers = np.tile(np.frombuffer(ETHERNET, np.uint8), len(begins))
    out = np.insert(octets, np.repeat(begins + RECORD, len(ETHERNET)), headers)
    moved = begins + len(ETHERNET) * np.arange(len(begins))
    out[moved[:, None] + np.arange(8, RECORD)] = lengths.astype("<u4").view(np.uint8)
    return out
