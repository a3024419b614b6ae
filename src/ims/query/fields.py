"""Which octets of which header can be asked of stored columns: `tcp[13]` is the low octet of `tcp_flags`."""

from __future__ import annotations

HEADERS: dict[str, dict[int, tuple[str, int]]] = {"ip": {}, "tcp": {}, "udp": {}, "icmp": {}}
"""Header -> offset -> (column, bits to shift it right by)."""


def _column(header: str, offset: int, size: int, column: str) -> None:
    for step in range(size):
        HEADERS[header][offset + step] = (column, 8 * (size - 1 - step))


for _header, _offset, _size, _name in (
    ("ip", 1, 1, "tos"),
    ("ip", 2, 2, "total_length"),
    ("ip", 4, 2, "ip_id"),
    ("ip", 6, 2, "ip_fragment"),
    ("ip", 8, 1, "ttl"),
    ("ip", 9, 1, "protocol"),
    ("ip", 12, 4, "source"),
    ("ip", 16, 4, "destination"),
    ("tcp", 0, 2, "source_port"),
    ("tcp", 2, 2, "destination_port"),
    ("tcp", 4, 4, "tcp_sequence"),
    ("tcp", 8, 4, "tcp_acknowledgment"),
    ("tcp", 12, 1, "tcp_options"),  # data offset and NS: from the length of the options, and the flags
    ("tcp", 13, 1, "tcp_flags"),
    ("tcp", 14, 2, "tcp_window"),
    ("tcp", 18, 2, "tcp_urgent"),
    ("udp", 0, 2, "source_port"),
    ("udp", 2, 2, "destination_port"),
    ("udp", 4, 2, "payload_length"),  # 8 more than it, where the capture didn't cut the packet
    ("icmp", 0, 1, "icmp_type"),
    ("icmp", 1, 1, "icmp_code"),
    ("icmp", 4, 4, "icmp_rest"),
):
    _column(_header, _offset, _size, _name)

PROTOCOL_OF = {"tcp": 6, "udp": 17, "icmp": 1}

# pcap-filter(7): names for offsets and values.
CONSTANTS = {
    "icmptype": 0, "icmpcode": 1, "tcpflags": 13,
    "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
    "icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12, "icmp-tstamp": 13,
    "icmp-tstampreply": 14, "icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17, "icmp-maskreply": 18,
    "tcp-fin": 1, "tcp-syn": 2, "tcp-rst": 4, "tcp-push": 8, "tcp-ack": 16, "tcp-urg": 32, "tcp-ece": 64,
    "tcp-cwr": 128,
}  # fmt: skip

PROTOCOLS = {
    "icmp": 1, "igmp": 2, "igrp": 9, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "ospf": 89, "pim": 103,
    "vrrp": 112, "carp": 112, "sctp": 132,
}  # fmt: skip

# The usual services (IANA); tcpdump has those of /etc/services.
SERVICES = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67,
    "bootpc": 68, "tftp": 69,
    "http": 80, "pop3": 110, "sunrpc": 111, "ntp": 123, "epmap": 135, "netbios-ns": 137,
    "netbios-dgm": 138,
    "netbios-ssn": 139, "imap2": 143, "snmp": 161, "snmp-trap": 162, "bgp": 179, "ldap": 389, "https": 443,
    "microsoft-ds": 445, "isakmp": 500, "syslog": 514, "ipp": 631, "ldaps": 636, "imaps": 993, "pop3s": 995,
    "ms-sql-s": 1433, "ms-sql-m": 1434, "mysql": 3306, "ms-wbt-server": 3389, "postgresql": 5432, "sip": 5060,
    "redis": 6379, "http-alt": 8080,
}  # fmt: skip


def supported() -> str:
    """The accessors that can be asked, for an error message and the docs."""
    parts = []
    for header, octets in HEADERS.items():
        runs: list[list[int]] = []
        for offset in sorted(octets):
            if runs and runs[-1][1] == offset - 1:
                runs[-1][1] = offset
            else:
                runs.append([offset, offset])
        listed = ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in runs)
        parts.append(f"{header}[{listed}]")
    return ", ".join(parts)
