"""What kind of traffic a packet is, from itself alone: one table, and the kernel that follows it.

Backscatter is what a victim of spoofed packets answers: Moore, Voelker, Savage, "Inferring Internet
Denial-of-Service Activity", USENIX Security 2001, table 1.
"""

from __future__ import annotations

from ims.kernels import kernel
from ims.records import CATEGORIES, ICMP, PORTS, TCP

OTHER, SCAN, BACKSCATTER, SESSION, UDP = range(len(CATEGORIES))
FIN, SYN, RST, ACK = 1, 2, 4, 16

TABLE = (
    ("backscatter", "TCP with RST, or SYN and ACK", "a victim's answer to a SYN that it did not expect, or did"),
    ("scan", "TCP with SYN and no ACK", "asks for a connection; with data too (Fast Open, or a probe)"),
    (
        "session",
        "TCP with ACK, and neither SYN nor RST",
        "goes on where a responder's SYN-ACK was answered, or a stray",
    ),
    ("scan", "TCP with neither SYN, RST nor ACK", "null, FIN and Xmas probes"),
    ("udp", "UDP with its ports", "a probe, a worm, or a reflector's answer"),
    ("scan", "ICMP type 8, 13, 15 or 17", "asks: echo, timestamp, information, mask"),
    ("backscatter", "ICMP type 0, 3, 4, 5, 11, 12, 14, 16 or 18", "answers and errors"),
    ("other", "all else", "other protocols, later fragments, broken transport headers"),
)


@kernel
def category_of(protocol, layers, tcp_flags, icmp_type):
    """Index into records.CATEGORIES."""
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
