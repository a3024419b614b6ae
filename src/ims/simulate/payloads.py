"""What simulated sources say: text and counted bytes that look like what they stand for, and do nothing."""

from __future__ import annotations


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

WORM_PORT = 1434
WORM = (b"\x04" + b"a worm of one UDP packet, made of text alone; " * 9)[:376]
"""As long as Slammer's packet, and to its port: 376 octets of text."""

ECHO = (bytes(range(8, 64)), b"abcdefghijklmnopqrstuvwabcdefghi", bytes(32))
"""Payloads of ICMP echo requests."""
