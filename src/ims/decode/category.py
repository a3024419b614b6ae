"""What kind of traffic a packet is: one table, and the kernel that follows it.

A packet alone determines its category, except RSTs to our own answers (recent_syns.py). Backscatter is what a victim of
spoofed packets answers: Moore, Voelker, Savage, "Inferring Internet Denial-of-Service Activity", USENIX Security 2001,
table 1.
"""

from __future__ import annotations

from ims.kernels import kernel
from ims.packet.field_values import ACK, RST, SYN
from ims.records import CATEGORIES, ICMP, PORTS, TCP

OTHER, SCAN, BACKSCATTER, SESSION, UDP = range(len(CATEGORIES))

MOORE = "Moore, Voelker, Savage 2001, table 1: a victim's answers to forged packets"
TABLE = (
    ("session", "TCP with RST, where a SYN of the same addresses and ports came up to 10 s before and the sequence "
     "number is the one after that SYN, or after its data; or where it acknowledges our cookie (`verified`)",
     "RFC 9293, 3.10.7.1: a scanner's system refuses our SYN-ACK, which it didn't ask for",
     "A RST later in a conversation stays `backscatter`, unless it acknowledges our cookie. So does one whose SYN "
     "isn't known any more: it came in an earlier command, or another, of the same ports or not, took its place in a "
     "table of 16,384 (live: 65,536 a worker). The counter `resets_undecided` says of how many RSTs that may be so. It "
     "doesn't know of one that a live sensor got through another interface than its SYN, which stays `backscatter`, "
     "too"),
    ("backscatter", "all other TCP with RST; TCP with SYN and ACK", MOORE, "Scans with SYN-ACK or RST look the same, "
     "and whoever forges a victim's address can make backscatter up; so do answers to packets that really came from "
     "the block, as where part of it is used"),
    ("scan", "TCP with SYN and no ACK",
     "RFC 9293, 3.5: asks for a connection; with data too (Fast Open, RFC 7413, or a probe)",
     "Worms, floods with forged sources, and hosts that look for a former owner of the address are among them"),
    ("session", "TCP with ACK, and neither SYN nor RST",
     "RFC 9293, 3.5: goes on where a responder's SYN-ACK was answered",
     "ACK scans, strays and floods look the same where nothing answers; `verified` says which go on"),
    ("scan", "TCP with neither SYN, RST nor ACK", "null, FIN and Xmas probes (Lyon, Nmap Network Scanning, chapter 5)",
     "Garbled packets are among them"),
    ("udp", "UDP with its ports", "has no handshake, so it doesn't say who began",
     "A probe, a worm, a reflector's answer and a victim's answer to a forged request aren't distinguished"),
    ("scan", "ICMP type 8, 13, 15 or 17", "RFC 792, RFC 950: asks for an echo, a timestamp, information, a mask",
     "Pings by people and monitors are among them"),
    ("backscatter", "ICMP type 0, 3, 4, 5, 11, 12, 14, 16 or 18", MOORE,
     "The packet that an error quotes isn't looked at: it may be one that the block sent, or made up"),
    ("other", "all else", "other protocols, later fragments, transport headers cut before what tells",
     "A later fragment belongs to what its first fragment is"),
)  # fmt: skip
"""(category, packets, source, errors); the first row that fits counts."""


@kernel
def category_of(protocol, layers, tcp_flags, icmp_type):
    """Index into records.CATEGORIES, from a packet alone."""
    if layers & TCP:
        if tcp_flags & RST or (tcp_flags & SYN and tcp_flags & ACK):
            return BACKSCATTER
        if tcp_flags & SYN or tcp_flags & ACK == 0:
            return SCAN
        return SESSION
    if layers & ICMP:
        if icmp_type == 8 or icmp_type == 13 or icmp_type == 15 or icmp_type == 17:
            return SCAN
        if icmp_type <= 18 and (0b1010101100000111001 >> icmp_type) & 1:
            return BACKSCATTER
        return OTHER
    if layers & PORTS and protocol == 17:
        return UDP
    return OTHER
