"""Transport headers that the capture cut, or that lie about their length: each field that is there is stored.

As in tcpdump they have no payload: what follows a data offset that lies, or a UDP length below 8, isn't data.
"""

from __future__ import annotations

import numpy as np

from ims.decode.category import category_of
from ims.decode.verdict import TRANSPORT_MALFORMED
from ims.kernels import kernel
from ims.packet.field_values import PROTOCOL_ICMP, PROTOCOL_TCP
from ims.packet.octets import be16, be32
from ims.records import ACKNOWLEDGMENT, ICMP, ICMP_CODE, ICMP_REST, PORTS, SEQUENCE, TCP, TCP_OFFSET, URGENT, WINDOW


@kernel
def take_cut_header(octets, at, end, protocol, batch, row, counters):
    """Write what octets[at:end], the begin of a TCP, UDP or ICMP header, tells into a row of `batch`, and count it;
    returns its `layers`."""
    counters[TRANSPORT_MALFORMED] += 1
    size = end - at
    layers = flags = kind = np.int64(0)
    if protocol == PROTOCOL_ICMP:
        if size >= 1:
            layers |= ICMP
            kind = np.int64(octets[at])
            batch.icmp_type[row] = kind
        if size >= 2:
            layers |= ICMP_CODE
            batch.icmp_code[row] = octets[at + 1]
        if size >= 8:
            layers |= ICMP_REST
            batch.icmp_rest[row] = be32(octets, at + 4)
    elif size >= 4:
        layers |= PORTS
        ports = be32(octets, at)
        batch.source_port[row] = ports >> 16
        batch.destination_port[row] = ports & 0xFFFF
        if protocol == PROTOCOL_TCP:
            if size >= 8:
                layers |= SEQUENCE
                batch.tcp_sequence[row] = be32(octets, at + 4)
            if size >= 12:
                layers |= ACKNOWLEDGMENT
                batch.tcp_acknowledgment[row] = be32(octets, at + 8)
            if size >= 13:
                layers |= TCP_OFFSET
                batch.tcp_offset[row] = octets[at + 12]
            if size >= 14:
                layers |= TCP
                flags = be16(octets, at + 12) & 0x01FF
                batch.tcp_flags[row] = flags
            if size >= 16:
                layers |= WINDOW
                batch.tcp_window[row] = be16(octets, at + 14)
            if size >= 20:
                layers |= URGENT
                batch.tcp_urgent[row] = be16(octets, at + 18)
    batch.category[row] = category_of(protocol, layers, flags, kind)
    return layers
