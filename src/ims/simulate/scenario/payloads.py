"""Payloads of simulated sources: text and counted bytes that look like what they stand for, and do nothing."""

from __future__ import annotations

from ims.text import meant


def _http(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()


def _tls_hello(number: int) -> bytes:
    """The outline of a TLS ClientHello (RFC 8446, 4.1.2); its `random` is counted."""
    random = bytes((number * 37 + i * 11) & 0xFF for i in range(32))
    body = b"\x03\x03" + random + b"\x00" + b"\x00\x04\x13\x01\x13\x02" + b"\x01\x00" + b"\x00\x00"
    return b"\x16\x03\x01" + (len(body) + 4).to_bytes(2) + b"\x01" + len(body).to_bytes(3) + body


BAGLE_2745 = bytes.fromhex("43ffffff 30303001 0a2891a1 2be6602f 328f6015 1a201a00")
"""The 24 bytes of Figure 13 of the paper: top payload against port 2745/TCP."""

BY_TCP_PORT: dict[int, tuple[bytes, ...]] = {
    23: (b"root\r\n", b"admin\r\n", b"\xff\xfd\x03\xff\xfb\x18"),
    22: (b"SSH-2.0-Go\r\n", b"SSH-2.0-libssh2_1.10.0\r\n"),
    80: (
        _http("GET / HTTP/1.1", "Host: example.org", "User-Agent: Mozilla/5.0 (compatible; sample)"),
        _http("GET /robots.txt HTTP/1.0"),
        _http("HEAD / HTTP/1.0"),
        _http("GET /login.html HTTP/1.1", "Host: example.org", "Connection: close"),
    ),
    443: tuple(_tls_hello(number) for number in range(6)),
    445: (b"\x00\x00\x00\x2f\xffSMB\x72" + bytes(27) + b"\x0c\x00\x02NT LM 0.12\x00",),
    2745: (BAGLE_2745,),
    3389: (b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",),
    5555: (b"CNXN\x00\x00\x00\x01\x00\x10\x00\x00\x07\x00\x00\x00host::\x00",),
    6379: (b"*1\r\n$4\r\nINFO\r\n",),
    8080: (_http("GET / HTTP/1.0"), _http("CONNECT example.com:443 HTTP/1.1", "Host: example.com")),
}
"""What sources send once a port answered."""

BY_UDP_PORT: dict[int, tuple[bytes, ...]] = {
    53: (
        bytes.fromhex("1a2b 0100 0001 0000 0000 0000 07") + b"example" + b"\x03com\x00" + b"\x00\xff\x00\x01",
        bytes.fromhex("0000 0010 0000 0000 0000 0000"),
    ),
    123: (bytes.fromhex("1700032a") + bytes(4), b"\xe3\x00\x04\xfa" + bytes(44)),
    161: (bytes.fromhex("3029020101 0406") + b"public" + bytes.fromhex("a01c0204") + bytes(26),),
    1900: (_http("M-SEARCH * HTTP/1.1", "Host: 239.255.255.250:1900", "ST: ssdp:all", "MX: 3"),),
    5060: (_http("OPTIONS sip:100@example.org SIP/2.0", "Max-Forwards: 70", "Content-Length: 0"),),
    11211: (b"\x00\x00\x00\x00\x00\x01\x00\x00stats\r\n",),
}
"""Probes in one UDP packet."""

WORM = (b"\x04" + b"a worm of one UDP packet, made of text alone; " * 9)[:376]
"""As long as Slammer's packet to 1434/UDP: 376 octets of text."""

ECHO = (bytes(range(8, 64)), b"abcdefghijklmnopqrstuvwabcdefghi", bytes(32))
"""Payloads of ICMP echo requests."""

NBSTAT = bytes.fromhex("1234 0000 0001 0000 0000 0000 20") + b"CK" + b"A" * 30 + bytes.fromhex("00 0021 0001")
"""A NetBIOS node status request (RFC 1002, 4.2.17): Windows sends it to any host it learns of."""

BY_PORT: dict[tuple[str, int], tuple[bytes, ...]] = {
    **{("tcp", port): contents for port, contents in BY_TCP_PORT.items()},
    **{("udp", port): contents for port, contents in BY_UDP_PORT.items()},
    ("udp", 137): (NBSTAT,),
    ("udp", 1434): (WORM,),
    ("udp", 1026): (b"[messenger advertisement: synthetic]" * 9,),
    ("udp", 19): (b"\x01",),
    ("udp", 389): (b"[cldap question: synthetic]",),
    ("tcp", 1433): (bytes.fromhex("1201003400000000") + bytes(44),),
    ("tcp", 3306): (b"[mysql login: synthetic]",),
    ("tcp", 25): (b"EHLO example.org\r\n",),
    ("tcp", 21): (b"USER anonymous\r\n",),
    ("tcp", 139): (bytes.fromhex("81000044 20") + b"CK" + b"A" * 30 + b"\0 " + b"EB" * 16 + b"\0",),
    ("icmp", 0): ECHO,
}
"""Payloads of the background, by protocol and port."""

SEGMENT = 1460
"""Octets of payload in a packet, at most."""

NAMED: dict[str, bytes] = {
    "bagle-2745": BAGLE_2745, "slammer": WORM, "dns-any": BY_UDP_PORT[53][0], "dns-status": BY_UDP_PORT[53][1],
    "ntp-monlist": BY_UDP_PORT[123][0], "ntp-client": BY_UDP_PORT[123][1], "snmp-public": BY_UDP_PORT[161][0],
    "ssdp-search": BY_UDP_PORT[1900][0], "sip-options": BY_UDP_PORT[5060][0], "memcached-stats": BY_UDP_PORT[11211][0],
    "http-get": BY_TCP_PORT[80][0], "tls-hello": BY_TCP_PORT[443][0], "smb-negotiate": BY_TCP_PORT[445][0],
    "telnet-login": BY_TCP_PORT[23][0], "nbstat": NBSTAT,
    "echo": ECHO[0], "echo-windows": ECHO[1], "empty-octets": ECHO[2],
}  # fmt: skip
"""Payloads that scenarios name."""


def made(name: str, length: int) -> bytes:
    """`length` octets of text that name what they stand for, and do nothing."""
    text = f"[{name}: synthetic, {length} octets] ".encode()
    return (text * (length // len(text) + 1))[:length]


def spoken(text: str) -> bytes:
    """A message as a scenario writes it: a name, `text:…` (with \\r, \\n), `hex:…` or `made:NAME:LENGTH`. Raises
    ValueError."""
    kind, colon, rest = text.partition(":")
    if not colon:
        if text not in NAMED:
            raise ValueError(f"there is no payload {text!r}; {meant(text, NAMED, ', '.join(NAMED))}")
        return NAMED[text]
    if kind == "text" and rest:
        return rest.encode().replace(b"\\r", b"\r").replace(b"\\n", b"\n")
    if kind == "hex" and rest.strip():
        try:
            return bytes.fromhex(rest)
        except ValueError:
            raise ValueError(f"message {text!r}: expected hexadecimal digits, two an octet") from None
    name, _, length = rest.rpartition(":")
    if kind == "made" and name and length.isdecimal() and 0 < int(length) <= 65_536:
        return made(name, int(length))
    raise ValueError(f"message {text!r}: expected a payload's name, text:…, hex:… or made:NAME:LENGTH (1 to 65,536)")


def segments(message: bytes) -> list[bytes]:
    """A message as the packets of a connection carry it."""
    return [message[at : at + SEGMENT] for at in range(0, len(message), SEGMENT)]
