"""Names that a filter may use for numbers, and tcpdump's words for what isn't stored."""

from __future__ import annotations

CONSTANTS = {
    "icmptype": 0, "icmpcode": 1, "tcpflags": 13,
    "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
    "icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12, "icmp-tstamp": 13,
    "icmp-tstampreply": 14, "icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17, "icmp-maskreply": 18,
    "tcp-fin": 1, "tcp-syn": 2, "tcp-rst": 4, "tcp-push": 8, "tcp-ack": 16, "tcp-urg": 32, "tcp-ece": 64,
    "tcp-cwr": 128,
}  # fmt: skip
"""pcap-filter(7)'s names of offsets and values."""

KEYWORDS = {
    "icmp": 1, "igmp": 2, "tcp": 6, "igrp": 9, "udp": 17, "esp": 50, "ah": 51, "pim": 103, "vrrp": 112, "carp": 112,
    "sctp": 132,
}  # fmt: skip
"""Names of IP protocols that are conditions by themselves, as in libpcap."""

PROTOCOLS = KEYWORDS | {
    "ipencap": 4, "egp": 8, "igp": 9, "ipv6": 41, "rsvp": 46, "gre": 47, "ipv6-icmp": 58, "eigrp": 88, "ospf": 89,
    "ipip": 94, "ipcomp": 108, "l2tp": 115, "udplite": 136,
}  # fmt: skip
"""Names that may follow `proto`: IANA's numbers by the names of /etc/protocols."""

NEVER = ("ip6", "icmp6", "arp", "rarp")
"""Protocols of which no packet is ever stored."""

# Common services with IANA's numbers. As in tcpdump, which reads /etc/services, a name listed there for one protocol
# only means that one.
SERVICES: dict[str, tuple[int, int | None]] = {
    name: (port, {"tcp": 6, "udp": 17, "both": None}[protocol])
    for protocol, services in {
        "tcp": {
            "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "whois": 43, "finger": 79, "http": 80,
            "pop3": 110, "auth": 113, "nntp": 119, "epmap": 135, "netbios-ssn": 139, "imap2": 143, "bgp": 179,
            "microsoft-ds": 445, "submission": 587, "ftps-data": 989, "ftps": 990, "telnets": 992, "imaps": 993,
            "pop3s": 995, "socks": 1080, "ms-sql-s": 1433, "mysql": 3306, "ms-wbt-server": 3389, "svn": 3690,
            "postgresql": 5432, "x11": 6000, "redis": 6379, "ircd": 6667, "http-alt": 8080, "git": 9418,
        },
        "udp": {
            "bootps": 67, "bootpc": 68, "tftp": 69, "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138, "isakmp": 500,
            "syslog": 514, "rip": 520, "ms-sql-m": 1434, "ssdp": 1900, "ipsec-nat-t": 4500, "mdns": 5353,
        },
        "both": {
            "echo": 7, "discard": 9, "daytime": 13, "time": 37, "domain": 53, "kerberos": 88, "sunrpc": 111,
            "snmp": 161, "snmp-trap": 162, "ldap": 389, "https": 443, "rtsp": 554, "ldaps": 636, "openvpn": 1194,
            "radius": 1812, "nfs": 2049, "sip": 5060, "sip-tls": 5061,
        },
    }.items()
    for name, port in services.items()
}  # fmt: skip

_LINK = "asks for the link layer, which isn't stored"
_LENGTH = "asks for the frame's length, which isn't stored; ask for the IP packet's, as in ip[2:2] > 100"
_CAPTURE = "asks for what the capturing machine knew, which isn't stored"
NOT_STORED = {
    **dict.fromkeys(("ether", "link", "fddi", "tr", "wlan", "ppp", "slip", "radio", "gateway", "llc", "stp"), _LINK),
    **dict.fromkeys(("vlan", "mpls", "pppoed", "pppoes", "geneve", "atalk", "aarp", "decnet", "ipx", "iso"), _LINK),
    **dict.fromkeys(("len", "length", "less", "greater"), _LENGTH),
    **dict.fromkeys(("inbound", "outbound", "ifindex", "ifname"), _CAPTURE),
    "broadcast": "depends on a network's mask, which isn't stored; ask for the address, as in dst host 10.0.0.255",
    "multicast": "asks for the Ethernet address, which isn't stored; meant ip multicast?",
    "protochain": "asks for a chain of headers, which isn't stored; meant proto?",
}
"""Words of pcap-filter(7) -> why they aren't available."""

WORDS = (
    "ip", *KEYWORDS, *NEVER, "proto", "src", "dst", "host", "net", "mask", "port", "portrange", "and", "or", "not",
    "ip multicast", "category", "signature", "payload", "contains", "new", "verified", "block", "sensor", "ttl",
    "fragment",
)  # fmt: skip
"""The language's words, for hints."""
