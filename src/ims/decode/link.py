"""Link layers (tcpdump.org/linktypes.html): where in a frame the IPv4 header is, if there is one."""

from __future__ import annotations

import numpy as np

from ims.decode.ethernet import BRIDGED, IPV6, LLC, MALFORMED, MPLS, UNSUPPORTED, by_ethertype, by_version, typed
from ims.decode.host_link import by_host_link
from ims.decode.juniper_link import by_juniper
from ims.decode.radio import by_radio
from ims.decode.rare_link import by_rare_link
from ims.decode.verdict import IS_MALFORMED
from ims.decode.wan_link import PPP_HDLC, by_line
from ims.kernels import kernel
from ims.packet.link_types import ETHERNET, PPPOE, RAW, RAW_BSD, RAW_OPENBSD, SLL
from ims.packet.octets import be16, le16, le32

PPI, ERF, IPV4_LINK, IPV6_LINK, PKTAP, SLL2 = 192, 197, 228, 229, 258, 276
ATM_RFC1483, ATM_CLIP, FDDI, FIBRE_CHANNEL, FIREWIRE, MPLS_LINK, NETANALYZER, NETANALYZER_WHOLE = (
    100, 106, 10, 122, 138, 219, 240, 241,
)  # fmt: skip


@kernel
def below_link(octets, at, end, link):
    """(Ethernet type, where what it names begins) below a link header that isn't Ethernet's."""
    if link == SLL:
        return typed(octets, at, end, 16)
    if link == SLL2:
        return (be16(octets, at), at + 20) if at + 20 <= end else (np.int64(MALFORMED), at)
    if link == PPPOE:
        return np.int64(0x8864), at
    if link == IPV6_LINK:
        return np.int64(IPV6), at
    if link == MPLS_LINK:
        return np.int64(MPLS), at
    if link == ATM_RFC1483 or link == ATM_CLIP:
        return np.int64(LLC), at
    if link == FDDI or link == FIBRE_CHANNEL:  # frame control and addresses, then LLC
        return np.int64(LLC), at + (13 if link == FDDI else 16)
    if link == FIREWIRE:
        return typed(octets, at, end, 18)
    if link == NETANALYZER or link == NETANALYZER_WHOLE:  # and preamble
        return np.int64(BRIDGED), at + (4 if link == NETANALYZER else 12)
    kind, begin = by_line(octets, at, end, link)
    if kind == UNSUPPORTED:
        kind, begin = by_host_link(octets, at, end, link)
    if kind == UNSUPPORTED:
        kind, begin = by_radio(octets, at, end, link)
    if kind == UNSUPPORTED:
        kind, begin = by_juniper(octets, at, end, link)
    if kind == UNSUPPORTED:
        kind, begin = by_rare_link(octets, at, end, link)
    return kind, begin


@kernel
def below_erf(octets, at, end):
    """(link type, where its frame begins) inside a record of ERF (capture/erf_walk.py reads files of them); ERF where
    its type isn't read, -1 where it is cut."""
    if at + 16 > end:
        return np.int64(-1), at
    kind, more = octets[at + 8] & 0x7F, octets[at + 8] & 0x80
    at += 16
    while more and at + 8 <= end:
        more = octets[at] & 0x80
        at += 8
    if more or at > end:
        return np.int64(-1), at
    if kind == 2 or kind == 11 or kind == 16 or kind == 20:  # Ethernet, after two octets
        return np.int64(ETHERNET), at + 2
    if kind == 1 or kind == 10 or kind == 15 or kind == 19:
        return np.int64(PPP_HDLC), at
    if kind == 5 or kind == 17:  # the same of one channel of many
        return np.int64(PPP_HDLC), at + 4
    if kind == 4 or kind == 9:  # ATM's cells put together
        return np.int64(ATM_RFC1483), at + (4 if kind == 4 else 8)
    if kind == 22:
        return np.int64(IPV4_LINK), at
    if kind == 23:
        return np.int64(IPV6_LINK), at
    return np.int64(ERF), at


@kernel
def below_wrapper(octets, at, end, link):
    """(link type, where its frame begins) inside ERF, PPI or PKTAP, which say it; -1 where they are cut."""
    if link == ERF:
        return below_erf(octets, at, end)
    if link == PPI:
        length = np.int64(le16(octets, at + 2)) if at + 8 <= end else np.int64(0)
        if length < 8 or at + length > end:
            return np.int64(-1), at
        return le32(octets, at + 4), at + length
    length = np.int64(le32(octets, at)) if at + 12 <= end else np.int64(0)
    if length < 108 or at + length > end:
        return np.int64(-1), at
    return le32(octets, at + 8), at + length


@kernel
def find_ipv4(octets, at, end, link):
    """Offset of the IPv4 header of the frame octets[at:end], or one of the negative numbers of verdict.py."""
    if link == PPI or link == PKTAP or link == ERF:
        link, at = below_wrapper(octets, at, end, link)
        if link < 0:
            return np.int64(IS_MALFORMED)
    if link == ETHERNET:
        return by_ethertype(octets, at, end, np.int64(BRIDGED))
    if link == RAW or link == IPV4_LINK or link == RAW_BSD or link == RAW_OPENBSD:
        return by_version(octets, at, end)
    kind, at = below_link(octets, at, end, link)
    return by_ethertype(octets, at, end, kind)
