"""Lengths that headers claim and no other column gives: the last four columns of `packets`, null for most packets."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.packet.field_values import PROTOCOL_UDP
from ims.packet.octets import be16
from ims.records import IP_HEADER, PORTS, PRESUMED, TCP_OFFSET, TCP_OPTIONS, UDP_LENGTH


@kernel
def take_lengths(octets, ip, header, end, length, layers, batch, row):
    """Write the lengths of the packet octets[ip:end], `length` on the wire, that other columns of its row don't give;
    returns `layers` (what is written already) with theirs."""
    total = be16(octets, ip + 2)
    transport = ip + header
    if header != 20 or total > length:  # (a query counts missing octets of a whole packet as IP options)
        layers |= IP_HEADER
        batch.ip_header_length[row] = header
    if total == 0 or total > length:
        layers |= PRESUMED
        batch.presumed_length[row] = length
    if layers & TCP_OPTIONS and octets[transport + 12] & 0x0E:
        layers |= TCP_OFFSET
        batch.tcp_offset[row] = octets[transport + 12]
    if octets[ip + 9] == PROTOCOL_UDP and layers & PORTS and transport + 6 <= end:
        expected = 8 + np.int64(batch.payload_length[row])
        field = be16(octets, transport + 4)
        if field != expected or end - ip != length or total != header + expected:
            layers |= UDP_LENGTH
            batch.udp_length[row] = field
    return layers
