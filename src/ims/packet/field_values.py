"""Values of header fields: IP's protocols and fragments, TCP's flags, ICMP's types. Nothing here is compiled."""

from __future__ import annotations

PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP = 1, 6, 17, 132
"""IANA, "Protocol Numbers"."""
DO_NOT_FRAGMENT, MORE_FRAGMENTS, FRAGMENT_OFFSET = 0x4000, 0x2000, 0x1FFF
"""Of the 16 bits behind the identification (RFC 791, section 3.1)."""
IS_FRAGMENT = MORE_FRAGMENTS | FRAGMENT_OFFSET
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, NS = (1 << bit for bit in range(9))
"""TCP's flags (RFC 9293, section 3.1; RFC 3168; NS: RFC 3540, historic)."""
FLAGS = 0x1FF
FLAG_LETTERS = "FSRPAUECN"
"""The flags by their first letters, lowest bit first."""
ECHO_REPLY, ECHO_REQUEST = 0, 8
ICMP_ERRORS = (3, 4, 5, 11, 12)
"""Types that quote the packet they answer (RFC 792)."""
ETHERTYPE_IPV4, ETHERTYPE_ARP = 0x0800, 0x0806
