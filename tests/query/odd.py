"""Packets as they really come: cut by the capture, offloaded, fragmented, lying; and filters over them.

Each packet is what was captured from its IP header on, and its length on the wire. Left out is what docs/filter.md says
differs: fields of which a part was captured, and octets behind the packet's end (padding) where a header should be.
"""

from __future__ import annotations

import random
import struct

Odd = tuple[bytes, int]

TCP_ENDS, UDP_ENDS, ICMP_ENDS = (0, 4, 8, 12, 14, 16, 20), (0, 4, 6, 8), (0, 1, 2, 8)
"""Octets of a header after which a field ends that columns hold."""
PORTS = (0, 22, 80, 80, 443, 1434, 0xFFFF)


def transport(dice: random.Random, protocol: int) -> tuple[bytes, tuple[int, ...]]:
    """(a header and data, where it may be cut)"""
    data = dice.randbytes(dice.choice([0, 0, 1, 5, 40, 100]))
    ports = struct.pack(">HH", dice.choice(PORTS), dice.choice(PORTS))
    if protocol == 6:
        words = dice.choice([5, 5, 5, 6, 8, 10, 15, dice.randrange(16)])
        flags = dice.choice([2, 18, 16, 4, dice.getrandbits(12)])
        options = dice.randbytes(max(0, words * 4 - 20)) if dice.random() < 0.8 else b""
        rest = struct.pack(">IIHHHH", dice.getrandbits(32), dice.choice([0, dice.getrandbits(32)]), words << 12 | flags,
                           dice.choice([0, 1024, 65535]), dice.getrandbits(16), dice.choice([0, 0, 7]))  # fmt: skip
        return ports + rest + options + data, TCP_ENDS
    if protocol == 17:
        length = dice.choice([8 + len(data)] * 4 + [0, 4, 7, 8, 9, 384, 0xFFFF, 8 + len(data) + 100])
        return ports + struct.pack(">HH", length, dice.getrandbits(16)) + data, UDP_ENDS
    if protocol == 1:
        kind = struct.pack(">BBH", dice.choice([0, 3, 8, 11]), dice.choice([0, 1, 3]), dice.getrandbits(16))
        return kind + dice.randbytes(4) + data, ICMP_ENDS
    if protocol == 132:
        return ports + dice.randbytes(8) + data, (0, 4)
    return data, (0,)


def odd(count: int, seed: int = 1) -> list[Odd]:
    """Packets of every oddity, and of several at once."""
    dice = random.Random(seed)
    found = []
    for number in range(count):
        protocol = dice.choice([6, 6, 6, 17, 17, 1, 132, 2, 47])
        above, ends = transport(dice, protocol)
        fragment = dice.choice([0, 0, 0, 0, 0x4000, 0x2000, 0x2000, 0x2001, 0x0001, 0x00B9])
        if fragment & 0x2000 and dice.random() < 0.5:  # a tiny one
            above = above[: dice.choice(ends)]
        options = dice.randbytes(4 * dice.choice([0, 0, 0, 1, 5, 10]))
        real = 20 + len(options) + len(above)
        lie = dice.choice(["no"] * 6 + ["offloaded", "longer", "shorter"])
        total = {"no": real, "offloaded": 0, "longer": real + dice.choice([1, 1000]), "shorter": real}[lie]
        if lie == "shorter" and len(above) > 60:
            total = real - dice.randrange(len(above) - 60)
        header = struct.pack(
            ">BBHHHBBHII", 0x45 + len(options) // 4, dice.choice([0, 0x10]), total, number & 0xFFFF, fragment,
            dice.choice([1, 64, 128, 255]), protocol, dice.getrandbits(16),
            dice.choice([0xCB007109, 0x0A000001]), dice.choice([0xC6336407, 0xC6336408]),
        )  # fmt: skip
        packet = header + options + above
        if dice.random() < 0.5:
            begin = 20 + len(options)
            cuts = [begin + end for end in ends] + [begin + ends[-1] + dice.randrange(60)]
            cut = packet[: 20 + dice.randrange(len(options)) if options and dice.random() < 0.3 else dice.choice(cuts)]
            short = len(cut) < begin and dice.random() < 0.5  # a header length beyond what was sent
            found.append((cut, len(cut) if short else len(packet)))
        else:
            found.append((packet, len(packet)))
    return found


FIELDS = [
    "ip[0]", "ip[0] & 0xf", "ip[0] >> 4", "ip[1]", "ip[2:2]", "ip[6:2]", "ip[6:2] & 0x1fff", "ip[8]", "ip[9]", "ip[0:2]", "ip[0:4]", "ip[12:4]",
    "tcp[0:2]", "tcp[2:2]", "tcp[13]", "tcp[tcpflags] & (tcp-syn|tcp-ack)", "tcp[12]", "tcp[12] >> 4", "(tcp[12] & 0xf0) >> 2", "tcp[12:2]",
    "tcp[12:2] & 0x1ff", "tcp[4:4]", "tcp[8:4]", "tcp[14:2]", "tcp[18:2]", "tcp[12:4]",
    "udp[0:2]", "udp[2:2]", "udp[4:2]", "udp[4:2] - 8", "udp[4]", "udp[2:4]", "icmp[0]", "icmp[icmpcode]", "icmp[0:2]", "icmp[4:4]", "icmp[6:2]",
    "ip[2:2] - ((ip[0] & 0xf) << 2)", "tcp[14:2] / ip[8]", "ip[8] / ip[1]",
    "tcp[4:4] / tcp[8:4]", "udp[4:2] % udp[2:2]", "tcp[2:2] % ip[1]", "udp[2:2] ^ icmp[0]",
]  # fmt: skip
SIMPLE = [
    "tcp", "udp", "icmp", "sctp", "proto 47", "fragment", "port 80", "src port 80", "dst port 80", "src and dst port 80", "tcp port 80",
    "udp dst port 1434", "sctp port 80", "sctp src port 443", "portrange 80-443", "tcp portrange 0-80", "udp src portrange 1000-65535",
    "dst portrange 22-80", "host 10.0.0.1", "dst host 198.51.100.7", "src net 203.0.113.0/24", "ip", "ip6", "port http", "udp port domain",
]  # fmt: skip
VALUES = [
    "0",
    "1",
    "2",
    "5",
    "8",
    "16",
    "18",
    "20",
    "40",
    "64",
    "80",
    "384",
    "1024",
    "65535",
    "0x45",
    "ip[8]",
    "tcp[2:2]",
    "ip[1]",
    "udp[4:2]",
]
KNOWN = [
    "udp dst port 1434 and udp[4:2] = 384",
    "ip[0] & 0xf > 5",
    "ip[0] >> 4 = 4",
    "not (ip[0] & 0xf = 5)",
    "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn",
    "not tcp[13] = 2",
    "not (tcp[13] = 2) or ip[8] = 64",
    "ip[8] = 64 or not (tcp[13] = 2)",
    "not port 80",
    "not port 80 or ip[8] = 64",
    "not (icmp[0] = 8 and icmp[4:4] != 0)",
    "ip[6:2] & 0x1fff = 0 and (tcp or udp or icmp or sctp) and ip[8] + tcp[0:2] > 1000",
    "ip[6:2] & 0x1fff = 0 and (tcp or udp or sctp) and not 1 + tcp[2:2] = 81",
    "not (tcp[13] & 2 != 0 and port 80) or (udp[4:2] > 20 or tcp[14:2] = 1024) and not (port 80 or icmp[0] = 3)",
]


def expressions(count: int, seed: int = 1) -> list[str]:
    """Filters of up to six conditions, nested in turns; `KNOWN` first."""
    dice = random.Random(seed)

    def condition(depth: int) -> str:
        if depth == 0 or dice.random() < 0.2:
            if dice.random() < 0.4:
                found = dice.choice([one for one in SIMPLE if one != "fragment"])
            else:
                relation = dice.choice(["=", "!=", "<", ">", "<=", ">="])
                found = f"{dice.choice(FIELDS)} {relation} {dice.choice(VALUES)}"
        else:
            join = dice.choice([" and ", " or "])
            found = "(" + join.join(condition(depth - 1) for _ in range(dice.choice([2, 2, 3]))) + ")"
        return f"not {found}" if dice.random() < 0.35 else found

    return [*KNOWN, *SIMPLE[:5], *SIMPLE[6:], *(condition(dice.choice([0, 1, 1, 2, 2, 3])) for _ in range(count))]
