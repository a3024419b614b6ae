"""Wireless frames (IEEE 802.11, clause 9) and the headers that drivers put before them."""

from __future__ import annotations

import numpy as np

from ims.decode.ethernet import LLC, MALFORMED, NOT_IPV4, UNSUPPORTED
from ims.kernels import kernel
from ims.packet.octets import be32, le16

IEEE802_11, PRISM, RADIOTAP, AVS = 105, 119, 127, 163


@kernel
def radio_header(octets, at, end, link):
    """Octets before the wireless frame; 0 where none are needed, -1 where they are cut."""
    length = np.int64(0)
    if link == RADIOTAP and at + 4 <= end:
        length = np.int64(le16(octets, at + 2))
        if length < 8:
            length = np.int64(-1)
    elif (link == PRISM or link == AVS) and at + 8 <= end:
        # A driver's header of its own begins with a magic number and its length; Prism's has 144 octets.
        avs = be32(octets, at) & 0xFFFFF000 == 0x80211000
        length = be32(octets, at + 4) if avs else np.int64(144 if link == PRISM else -1)
    elif link != IEEE802_11:
        length = np.int64(-1)
    return length


@kernel
def by_radio(octets, at, end, link):
    """(type, where it begins) of a wireless frame's data, if it isn't encrypted; UNSUPPORTED for another link type."""
    if not (link == IEEE802_11 or link == RADIOTAP or link == PRISM or link == AVS):
        return np.int64(UNSUPPORTED), at
    before = radio_header(octets, at, end, link)
    if before < 0 or before > end - at:
        return np.int64(MALFORMED), at
    padded = link == RADIOTAP and is_padded(octets, at, before)
    at += before
    if at + 2 > end:
        return np.int64(MALFORMED), at
    kind, flags = octets[at] >> 2 & 3, octets[at + 1]
    subtype = octets[at] >> 4
    if kind != 2 or subtype & 4 or flags & 0x40:  # no data frame, one without data, or encrypted
        return np.int64(NOT_IPV4), at
    length = np.int64(30 if flags & 3 == 3 else 24)
    if subtype & 8:
        if at + length + 2 <= end and octets[at + length] & 0x80:  # several frames in one
            return np.int64(NOT_IPV4), at
        length += 2
        if flags & 0x80:
            length += 4
    if padded:
        length = (length + 3) & ~3
    if at + length > end:
        return np.int64(MALFORMED), at
    return np.int64(LLC), at + length


@kernel
def is_padded(octets, at, length):
    """Whether radiotap's flags (its field 1, after the optional 8 octets of field 0) say that padding follows the
    wireless header."""
    if length < 9:
        return False
    begin = np.int64(4)
    present = np.int64(octets[at + 4])
    while begin + 4 <= length and octets[at + begin + 3] & 0x80:  # more words of flags follow
        begin += 4
    begin += 4
    if present & 2 == 0:
        return False
    if present & 1:
        begin = ((begin + 7) & ~7) + 8
    return begin < length and octets[at + begin] & 0x20 != 0
