"""Transport headers: how long one is, and its checksum written (RFC 1071)."""

from __future__ import annotations

from ims.kernels import kernel, proven
from ims.packet.checksum import expected_field
from ims.packet.field_values import PROTOCOL_TCP, PROTOCOL_UDP
from ims.packet.icmp import header_length as icmp_header
from ims.packet.octets import put16_proven
from ims.packet.tcp import header_length as tcp_header
from ims.packet.udp import header_length as udp_header


@kernel
def transport_header(octets, at, end, protocol):
    """Length of the TCP, UDP or ICMP header in octets[at:end]; 0 where its length is wrong, or it is cut by the
    capture (decode/cut_header.py)."""
    if protocol == PROTOCOL_TCP:
        return tcp_header(octets, at, end)
    if protocol == PROTOCOL_UDP:
        return udp_header(octets, at, end)
    return icmp_header(octets, at, end)


@proven
def put_checksum(out, field, protocol, total):
    """Write the checksum for data of sum `total`, which includes the pseudo-header, at `field`. The caller has checked
    that out[field:field + 2] exists."""
    checksum = expected_field(total, 0)
    # 0 would mean no checksum in UDP; data of zeros only, such as an echo's, has a checksum of all ones.
    put16_proven(out, field, 0xFFFF if checksum == 0 and (protocol == PROTOCOL_UDP or total == 0) else checksum)
