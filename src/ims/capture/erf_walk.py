"""Walk the records of an ERF file (Endace, "ERF Types Reference Guide"; Wireshark, wiretap/erf.c) in one buffer."""

from __future__ import annotations

import numpy as np

from ims.capture.pcap_walk import DAMAGED, FULL, MORE, ZEROS
from ims.kernels import kernel
from ims.packet.link_types import ATM, CISCO_HDLC, ERF, ETHERNET, PPP_HDLC
from ims.packet.link_types import IPV4 as LINK_IPV4
from ims.packet.link_types import IPV6 as LINK_IPV6
from ims.packet.octets import be16, le32

HEADER = 16
EXTENSION = 8
MORE_HEADERS = 0x80
"""The highest bit of a type: an extension header follows, whose first octet is again a type."""

# Types of records.
HDLC, ETH, AAL5, MC_HDLC, MC_AAL5, COLOR_HDLC, COLOR_ETH = 1, 2, 4, 5, 9, 10, 11
IP_COUNTER, TCP_FLOW_COUNTER, DSM_HDLC, DSM_ETH, COLOR_MC_HDLC, HASH_HDLC, HASH_ETH = 13, 14, 15, 16, 17, 19, 20
IPV4, IPV6, META, PAD = 22, 23, 27, 48
MOST_TYPE = 48

PPP_ADDRESS = 0xFF


@kernel
def walk_erf(octets, begin, end, frames, result):
    """Fill the columns of `frames` with the records of octets[begin:end]; returns how many.

    result[0] is where the next record begins, result[1] why the walk stopped, result[2] the length of a damaged record;
    loss counters are added to result[3]. Padding, metadata and counters are not frames.
    """
    count = 0
    at = begin
    result[1] = MORE
    while at + HEADER <= end:
        if count == frames.offset.size:
            result[1] = FULL
            break
        kind = np.int64(octets[at + 8]) & 0x7F
        length = be16(octets, at + 10)
        result[2] = length
        if kind == 0 and length == 0:
            result[1] = ZEROS
            break
        if kind == 0 or kind > MOST_TYPE or length < HEADER:
            result[1] = DAMAGED
            break
        if at + length > end:
            break
        data = at + HEADER
        next_record = at + length
        more = octets[at + 8] & MORE_HEADERS
        while more and data + EXTENSION <= next_record:
            more = octets[data] & MORE_HEADERS
            data += EXTENSION
        is_ethernet = kind == ETH or kind == COLOR_ETH or kind == DSM_ETH or kind == HASH_ETH
        is_channel = kind == MC_HDLC or kind == COLOR_MC_HDLC
        is_hdlc = is_channel or kind == HDLC or kind == COLOR_HDLC or kind == DSM_HDLC or kind == HASH_HDLC
        if is_ethernet:
            data += 2
        elif is_channel or kind == AAL5:  # a channel; the header of an ATM cell
            data += 4
        elif kind == MC_AAL5:
            data += 8
        if more or data > next_record:
            result[1] = DAMAGED
            break
        if kind == PAD or kind == META or kind == IP_COUNTER or kind == TCP_FLOW_COUNTER:
            at = next_record
            continue
        is_color = kind == COLOR_ETH or kind == DSM_ETH or kind == HASH_ETH or kind == COLOR_MC_HDLC
        if not (is_color or kind == COLOR_HDLC or kind == DSM_HDLC or kind == HASH_HDLC):
            result[3] += be16(octets, at + 12)
        on_wire = be16(octets, at + 14)
        link = ERF  # of other kinds: decoding counts them by this number
        if is_ethernet:
            link = ETHERNET
        elif kind == AAL5 or kind == MC_AAL5:
            link = ATM
        elif kind == IPV4:
            link = LINK_IPV4
        elif kind == IPV6:
            link = LINK_IPV6
        elif is_hdlc:
            link = PPP_HDLC if data < next_record and octets[data] == PPP_ADDRESS else CISCO_HDLC
        fraction = le32(octets, at) * np.int64(1_000_000_000)
        nanos = (fraction >> 32) + ((fraction >> 31) & 1)  # rounded, so that microseconds survive
        frames.offset[count] = data
        frames.captured[count] = min(on_wire, next_record - data)
        frames.length[count] = on_wire
        frames.time[count] = le32(octets, at + 4) * np.int64(1_000_000_000) + nanos
        frames.link[count] = link
        count += 1
        at = next_record
    result[0] = at
    return count
