"""Link layers (tcpdump.org/linktypes.html): where in a frame the IPv4 header is, if there is one."""

from __future__ import annotations

import numpy as np

from ims.decode.ethernet import BRIDGED, IPV6, LLC, MALFORMED, MPLS, by_ethertype
from ims.decode.host_link import (
    DSA,
    DSA_BRCM,
    DSA_BRCM_BEFORE,
    EDSA,
    ENC,
    IPNET,
    LOOP,
    NFLOG,
    NULL,
    PFLOG,
    by_family,
    by_firewall_log,
    by_ipnet,
    by_netfilter_log,
    by_switch_tag,
)
from ims.decode.juniper_link import by_juniper, is_juniper
from ims.decode.radio import AVS, IEEE802_11, PRISM, RADIOTAP, by_radio
from ims.decode.rare_link import ARCNET, ARCNET_LINUX, SLIP, SUNATM, SYMANTEC, TOKEN_RING, by_rare_link
from ims.decode.verdict import IS_IPV6, IS_MALFORMED, IS_NOT_IPV4, IS_UNSUPPORTED
from ims.decode.wan_link import C_HDLC, FRAME_RELAY, PPP, PPP_HDLC, by_cisco, by_frame_relay, by_line, by_ppp
from ims.kernels import kernel
from ims.packet.link_types import (
    C_HDLC_DIRECTED,
    ETHERNET,
    FRAME_RELAY_DIRECTED,
    MULTILINK_FRAME_RELAY,
    PPP_DIRECTED,
    PPPD,
    PPPOE,
    RAW,
    RAW_BSD,
    RAW_OPENBSD,
    SLL,
)
from ims.packet.octets import be16, le16, le32

PPI, ERF, IPV4_LINK, IPV6_LINK, PKTAP, SLL2 = 192, 197, 228, 229, 258, 276
ATM_RFC1483, ATM_CLIP, FDDI, FIBRE_CHANNEL, FIREWIRE, MPLS_LINK, NETANALYZER, NETANALYZER_WHOLE = (
    100, 106, 10, 122, 138, 219, 240, 241,
)  # fmt: skip
UNSUPPORTED = -3
"""Instead of an Ethernet type, beside ethernet.py's: a link type that isn't read."""


@kernel
def by_version(octets, at, end):
    """An IP packet without a link header: its first nibble tells."""
    if at >= end:
        return np.int64(IS_MALFORMED)
    version = octets[at] >> 4
    if version == 4:
        return np.int64(at)
    if version == 6:
        return np.int64(IS_IPV6)
    return np.int64(IS_NOT_IPV4)


@kernel
def below_link(octets, at, end, link):
    """(Ethernet type, where what it names begins) below a link header that isn't Ethernet's."""
    if link == SLL:
        if at + 16 > end:
            return np.int64(MALFORMED), at
        return be16(octets, at + 14), at + 16
    if link == SLL2:
        if at + 20 > end:
            return np.int64(MALFORMED), at
        return be16(octets, at), at + 20
    if link == NULL or link == LOOP or link == ENC:
        return by_family(octets, at, end, link)
    if link == PPP or link == PPP_HDLC:
        return by_ppp(octets, at, end, link)
    if link == C_HDLC:
        return by_cisco(octets, at, end)
    if link == NFLOG:
        return by_netfilter_log(octets, at, end)
    if link == PFLOG:
        return by_firewall_log(octets, at, end)
    if link == IPNET:
        return by_ipnet(octets, at, end)
    if link == PPPOE:
        return np.int64(0x8864), at
    if link == FRAME_RELAY:
        return by_frame_relay(octets, at, end)
    if link == IEEE802_11 or link == RADIOTAP or link == PRISM or link == AVS:
        return by_radio(octets, at, end, link)
    if link == DSA or link == EDSA or link == DSA_BRCM or link == DSA_BRCM_BEFORE:
        return by_switch_tag(octets, at, end, link)
    if is_juniper(link):
        return by_juniper(octets, at, end, link)
    if (
        link == PPPD or link == MULTILINK_FRAME_RELAY or link == PPP_DIRECTED or link == C_HDLC_DIRECTED
        or link == FRAME_RELAY_DIRECTED
    ):  # fmt: skip
        return by_line(octets, at, end, link)
    if (
        link == TOKEN_RING or link == ARCNET or link == ARCNET_LINUX or link == SLIP or link == SYMANTEC
        or link == SUNATM
    ):  # fmt: skip
        return by_rare_link(octets, at, end, link)
    if link == IPV6_LINK:
        return np.int64(IPV6), at
    if link == MPLS_LINK:
        return np.int64(MPLS), at
    if link == ATM_RFC1483 or link == ATM_CLIP:
        return np.int64(LLC), at
    if link == FDDI or link == FIBRE_CHANNEL:  # frame control and addresses, then LLC
        return np.int64(LLC), at + (13 if link == FDDI else 16)
    if link == FIREWIRE:
        return (be16(octets, at + 16), at + 18) if at + 18 <= end else (np.int64(MALFORMED), at)
    if link == NETANALYZER or link == NETANALYZER_WHOLE:  # and preamble
        return np.int64(BRIDGED), at + (4 if link == NETANALYZER else 12)
    return np.int64(UNSUPPORTED), at


@kernel
def below_erf(octets, at, end):
    """(link type, where its frame begins) inside a record of ERF (capture/erf_walk.py reads files of them); ERF's own
    where its type isn't read, -1 where it is cut."""
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
    if kind == UNSUPPORTED:
        return np.int64(IS_UNSUPPORTED)
    return by_ethertype(octets, at, end, kind)
