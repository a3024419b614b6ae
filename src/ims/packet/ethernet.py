"""Ethernet headers: VLAN tags, and the made-up header of packets whose own isn't known."""

from __future__ import annotations

from ims.kernels import kernel, proven
from ims.packet.octets import put16_proven, put32_proven

HEADER = 14
MADE_UP = bytes.fromhex("020000000001 020000000002 0800")
"""To and from locally administered addresses (IEEE 802, section 8.4), which no network card has by default; IPv4."""


@kernel
def is_tag(kind):
    """Whether an Ethernet type is that of a VLAN tag (802.1Q, 802.1ad, and their predecessor)."""
    return kind == 0x8100 or kind == 0x88A8 or kind == 0x9100


@proven
def put_made_up_header(out, at):
    """Write MADE_UP. The caller has checked that out[at:at + HEADER] exists."""
    put32_proven(out, at, 0x02000000)
    put32_proven(out, at + 4, 0x00010200)
    put32_proven(out, at + 8, 0x00000002)
    put16_proven(out, at + 12, 0x0800)
