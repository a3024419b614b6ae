"""What IPv4 packets come in: link layers, switches' tags, tunnels. Each maker takes a packet and gives a frame."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from benchmarks.judge.packets import DARK, ip

Maker = Callable[[bytes, Random], bytes]
MACS = b"\0\0\x0c\0\0\x01\0\0\x0c\0\0\x02"
"""Of a known vendor: tshark's guess whether a pseudowire has a control word goes by that."""
GATE, SENSOR = "203.0.113.1", "203.0.113.2"


def ethernet(inner: bytes, kind: int = 0x0800) -> bytes:
    return MACS + struct.pack(">H", kind) + inner


def _labels(inner: bytes, dice: Random) -> bytes:
    count = dice.randrange(1, 4)
    return b"".join(struct.pack(">I", (16 + at) << 12 | (at == count - 1) << 8 | 64) for at in range(count)) + inner


TAGS: dict[str, Maker] = {
    "": lambda p, d: ethernet(p),
    "vlan": lambda p, d: ethernet(b"\0\7\x08\0" + p, 0x8100),
    "qinq": lambda p, d: ethernet(b"\0\7\x81\0\0\x08\x08\0" + p, 0x88A8),
    "9100": lambda p, d: ethernet(b"\0\7\x81\0\0\x08\x08\0" + p, 0x9100),
    "mpls": lambda p, d: ethernet(_labels(p, d), 0x8847),
    "pseudowire": lambda p, d: ethernet(_labels(b"\0\0\0\0" + ethernet(p), d), 0x8847),
    "pppoe": lambda p, d: ethernet(b"\x11\0\0\1" + struct.pack(">H", len(p) + 2) + b"\0\x21" + p, 0x8864),
    "snap": lambda p, d: ethernet(b"\xaa\xaa\3\0\0\0\x08\0" + p, len(p) + 8),
    "fabricpath": lambda p, d: MACS + b"\x89\x03\0\x41" + ethernet(p) + b"\0\1\2\3",  # with its FCS
    "vntag": lambda p, d: ethernet(b"\0\1\0\2\x08\0" + p, 0x8926),
    "etag": lambda p, d: ethernet(b"\0\1\0\2\0\0\x08\0" + p, 0x893F),
    "pbb": lambda p, d: ethernet(b"\0\0\0\x2a" + ethernet(p), 0x88E7),
    "arp": lambda p, d: ethernet(bytes.fromhex("0001080006040001") + bytes(20), 0x0806),
    "ipv6": lambda p, d: ethernet(b"\x60\0\0\0" + struct.pack(">HBB", len(p), 4, 64) + bytes(32) + p, 0x86DD),
    "padded": lambda p, d: ethernet(p + bytes(max(0, 46 - len(p)))),
}  # fmt: skip
"""On Ethernet."""


def _gre(inner: bytes, kind: int, dice: Random) -> bytes:
    flags = dice.choice((0, 0, 0x8000, 0x2000, 0x1000, 0xB000))
    more = 4 * ((flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1))
    return struct.pack(">HH", flags, kind) + bytes(more) + inner


def _over_udp(port: int, head: bytes, inner: bytes) -> bytes:
    return struct.pack(">HHHH", 50_000, port, 8 + len(head) + len(inner), 0) + head + inner


def outer(protocol: int, above: bytes, dice: Random) -> bytes:
    """Between the operator's routers; sometimes to a dark address itself: a probe for open tunnels."""
    to = SENSOR if dice.randrange(8) else DARK.format(7)
    return ip(protocol, above, GATE, to, ip_id=dice.randrange(65_536), ttl=200)


TUNNELS: dict[str, Maker] = {
    "": lambda p, d: p,
    "ipip": lambda p, d: outer(4, p, d),
    "gre": lambda p, d: outer(47, _gre(p, 0x0800, d), d),
    "gre-ethernet": lambda p, d: outer(47, _gre(ethernet(p), 0x6558, d), d),
    "gre-vlan": lambda p, d: outer(47, _gre(ethernet(b"\0\7\x08\0" + p, 0x8100), 0x6558, d), d),
    "erspan-1": lambda p, d: outer(47, struct.pack(">HH", 0, 0x88BE) + ethernet(p), d),
    "erspan-2": lambda p, d: outer(
        47, struct.pack(">HHI", 0x1000, 0x88BE, 1) + b"\x10\7\0\1\0\0\0\0" + ethernet(p), d
    ),
    "erspan-3": lambda p, d: outer(
        47, struct.pack(">HHI", 0x1000, 0x22EB, 1) + b"\x20\7\0\1\0\0\0\0\0\0\0\0" + ethernet(p), d
    ),
    "vxlan": lambda p, d: outer(17, _over_udp(d.choice((4789, 8472)), b"\x08\0\0\0\0\0\1\0", ethernet(p)), d),
    "geneve": lambda p, d: outer(17, _over_udp(6081, b"\0\0\x65\x58\0\0\1\0", ethernet(p)), d),
    "gre-ipip": lambda p, d: outer(47, _gre(ip(4, p, GATE, SENSOR), 0x0800, d), d),
    "pptp": lambda p, d: outer(47, b"\x30\1\x88\x0b" + struct.pack(">HHI", len(p) + 2, 1, 1) + b"\0\x21" + p, d),
    "fragmented": lambda p, d: outer(47, _gre(p, 0x0800, d), d)[:6] + b"\x20\0" + outer(47, _gre(p, 0x0800, d), d)[8:],
}  # fmt: skip
"""In IPv4."""
UNWRAP = "gre,ipip,vxlan,vxlan:8472,geneve"


def netfilter_log(inner: bytes, order: str) -> bytes:
    """Its attributes are in the order of the host that captures, which is that of the file."""
    return b"\2\0\0\0" + struct.pack(order + "HH", 4 + len(inner), 9) + inner + bytes(-len(inner) % 4)


LINKS: dict[str, tuple[int, Maker]] = {
    "ethernet": (1, lambda p, d: ethernet(p)),
    "null": (0, lambda p, d: d.choice((b"\2\0\0\0", b"\0\0\0\2")) + p),
    "loop": (108, lambda p, d: b"\0\0\0\2" + p),
    "raw": (101, lambda p, d: p),
    "raw-bsd": (12, lambda p, d: p),
    "ipv4": (228, lambda p, d: p),
    "ppp": (9, lambda p, d: d.choice((b"\xff\3\0\x21", b"\0\x21", b"\x21")) + p),
    "ppp-hdlc": (50, lambda p, d: d.choice((b"\xff\3\0\x21", b"\x0f\0\x08\0")) + p),
    "cisco-hdlc": (104, lambda p, d: b"\x0f\0\x08\0" + p),
    "pppoe": (51, lambda p, d: b"\x11\0\0\1" + struct.pack(">H", len(p) + 2) + b"\0\x21" + p),
    "frame-relay": (107, lambda p, d: b"\x18\x41\3\xcc" + p),
    "enc": (109, lambda p, d: b"\2\0\0\0" + bytes(8) + p),
    "pflog": (117, lambda p, d: b"\x3d\2\0\0" + bytes(60) + p),
    "sll": (113, lambda p, d: b"\0\0\0\1\0\6" + bytes(8) + b"\x08\0" + p),
    "sll2": (276, lambda p, d: b"\x08\0\0\0\0\0\0\1\0\1\0\6" + bytes(8) + p),
    "nflog": (239, lambda p, d: netfilter_log(p, "<")),
    "ipnet": (226, lambda p, d: b"\1\2\0\0" + struct.pack(">I", len(p)) + bytes(16) + p),
}  # fmt: skip
"""Name -> link type (tcpdump.org/linktypes.html) and how a packet is framed."""
