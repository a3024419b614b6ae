"""IPv4 packets of every kind, right and wrong, for the judge."""

from __future__ import annotations

import socket
import struct
from random import Random

DARK, ELSEWHERE, SOURCE = "198.51.100.{}", "203.0.113.{}", "192.0.2.{}"
TCP_OPTIONS = (b"", b"\2\4\5\xb4", b"\2\4\5\xb4\4\2\x08\x0a\0\0\0\1\0\0\0\0\1\3\3\7", b"\1" * 40)
IP_OPTIONS = (b"", b"", b"", b"\x94\4\0\0", b"\x07\x27\x08" + bytes(37), b"\1\1\1\0")


def checksum(octets: bytes) -> int:
    """RFC 1071."""
    padded = octets + b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(protocol: int, above: bytes, source: str, destination: str, **fields: int | bytes) -> bytes:
    """A packet; fields: options (octets), total, fragment, ttl, tos, ip_id, wrong (added to the checksum)."""
    options = bytes(fields.get("options", b""))
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45 + len(options) // 4, fields.get("tos", 0),
        fields.get("total", 20 + len(options) + len(above)), fields.get("ip_id", 1), fields.get("fragment", 0),
        fields.get("ttl", 64), protocol, 0, socket.inet_aton(source), socket.inet_aton(destination),
    ) + options  # fmt: skip
    right = (checksum(head) + int(fields.get("wrong", 0))) & 0xFFFF
    return head[:10] + struct.pack(">H", right) + head[12:] + above


def _summed(protocol: int, above: bytes, at: int, source: str, destination: str) -> bytes:
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack(">HH", protocol, len(above))
    right = checksum((b"" if protocol == 1 else pseudo) + above) or 0xFFFF
    return above[:at] + struct.pack(">H", right) + above[at + 2 :]


def _tcp(dice: Random) -> tuple[bytes, int]:
    options = dice.choice(TCP_OPTIONS)
    data = dice.choice((b"", b"", b"GET / HTTP/1.0\r\n\r\n", bytes(100)))
    offset = dice.choice((5 + len(options) // 4,) * 6 + (0, 4, 15))
    flags = dice.choice((2, 2, 16, 24, 18, 4, 20, 1, 0, 0x29, 0x1FF, 0xE02))
    port, to = dice.randrange(1024, 65_536), dice.choice((22, 23, 80, 443, 445, 3389, 7547))
    head = struct.pack(
        ">HHIIHHHH", port, to, dice.getrandbits(32), dice.getrandbits(32), offset << 12 | flags,
        dice.choice((1024, 29_200, 65_535, 0)), 0, dice.choice((0, 0, 7)),
    )  # fmt: skip
    return head + options + data, 16


def _udp(dice: Random) -> tuple[bytes, int]:
    data = dice.choice((b"", b"x", bytes(30), b"q" * 376))
    length = dice.choice((8 + len(data),) * 6 + (0, 7, 8, 9 + len(data), 65_535))
    to = dice.choice((1434, 5060, 161, 1900, 37_215))
    return struct.pack(">HHHH", dice.randrange(1024, 65_536), to, length, 0) + data, 6


def _icmp(dice: Random) -> tuple[bytes, int]:
    kind = dice.choice((8, 8, 0, 3, 5, 11, 13, 14, 17))
    quoted = ip(17, bytes(8), DARK.format(9), SOURCE.format(9)) if kind in (3, 5, 11) else b"ping" * 4
    return struct.pack(">BBHI", kind, dice.choice((0, 0, 3)), 0, dice.choice((0, 5, 0x0102_0304))) + quoted, 2


def _sctp(dice: Random) -> tuple[bytes, int]:
    return struct.pack(">HHII", dice.randrange(1024, 65_536), 2905, 0, 0) + b"\1\0\0\x14" + bytes(16), 0


TRANSPORTS = ((6, _tcp), (6, _tcp), (17, _udp), (17, _udp), (1, _icmp), (132, _sctp))


def packet(dice: Random) -> bytes:
    """One packet of any kind; most are whole and right."""
    source = SOURCE.format(dice.randrange(1, 255))
    destination = dice.choice((DARK, DARK, DARK, ELSEWHERE)).format(dice.randrange(10, 255))
    if dice.randrange(12) == 0:
        protocol, above, at = dice.choice((2, 46, 50, 89, 103, 255)), bytes(dice.randrange(0, 40)), 0
    else:
        protocol, maker = dice.choice(TRANSPORTS)
        above, at = maker(dice)
    if at and dice.randrange(10):
        above = _summed(protocol, above, at, source, destination)
    fields: dict[str, int | bytes] = {
        "options": dice.choice(IP_OPTIONS), "ttl": dice.choice((64, 128, 255, 1)), "tos": dice.choice((0, 0, 0x28, 3)),
        "ip_id": dice.randrange(65_536), "fragment": dice.choice((0, 0x4000, 0, 0, 0x2000, 0x2003, 5, 0x8000)),
        "wrong": dice.choice((0,) * 9 + (1,)),
    }  # fmt: skip
    if int(fields["fragment"]) & 0x1FFF and dice.randrange(2):
        above = above[: dice.randrange(1, len(above) + 1)] if above else b"?"
    octets = ip(protocol, above, source, destination, **fields)
    return _lying(octets, dice) if dice.randrange(8) == 0 else octets


def _lying(octets: bytes, dice: Random) -> bytes:
    """Its lengths or its version are wrong, or something follows it."""
    kind = dice.randrange(6)
    if kind == 0:
        return octets[:2] + b"\0\0" + octets[4:]
    if kind == 1:
        return octets[:2] + struct.pack(">H", dice.choice((1, 19, 20, len(octets) - 1, len(octets) + 9))) + octets[4:]
    if kind == 2:
        return bytes([0x40 | dice.choice((0, 4, 6, 15))]) + octets[1:]
    if kind == 3:
        return bytes([dice.choice((0x55, 0x05, 0x65))]) + octets[1:]
    if kind == 4:
        return octets + bytes(dice.randrange(1, 30))
    return octets[: dice.randrange(1, len(octets))]
