"""Captures that differ in nothing but which address of a block was the destination, and in what senders made of it."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Callable
from pathlib import Path

from tests.stores import MIDNIGHT, ingest, ipv4, udp, write_pcap

BLOCKS = ("C/24=198.51.100.0/24", "D/25=203.0.113.0/25")
C, D = 0xC6336400, 0xCB007100
HOSTS = [C + n for n in range(100, 200)] + [D + n for n in range(10, 100)]
"""Those whose dotted form has the same length within a block."""
SOURCES = [0x08080800 + n for n in range(40)] + [0x5DB8D800 + n for n in range(20)]
ERROR_SOURCE = 0x08080801


def tcp(source: int, destination: int, port: int, *, sequence: int = 0, ack: int = 0, flags: int = 2,
        options: bytes = b"", payload: bytes = b"") -> bytes:  # fmt: skip
    words = 5 + len(options) // 4
    header = struct.pack(">HHIIBBHHH", 40_000, port, sequence, ack, words << 4, flags, 1024, 0, 0)
    return ipv4(source, destination, 6, header + options + payload)


def dotted(address: int) -> bytes:
    return ".".join(map(str, address.to_bytes(4))).encode()


def icmp(source: int, destination: int, kind: int, rest: int, payload: bytes = b"") -> bytes:
    return ipv4(source, destination, 1, struct.pack(">BBHI", kind, 0, 0, rest) + payload)


def dark_payloads(address: int) -> list[bytes]:
    """What holds an address, in the forms that are seen."""
    quoted = ipv4(address, ERROR_SOURCE, 6, struct.pack(">HHI", 80, 80, 7))[:28]
    return [
        b"GET / HTTP/1.1\r\nHost: " + dotted(address) + b"\r\n\r\n",
        b"ip=%d;" % address,
        b"id:%08x" % address,
        b"\x01\x02" + address.to_bytes(4) + b"\x03",
        b"\\\\".decode().encode("utf-16-le") + dotted(address).decode().encode("utf-16-le"),
        quoted,
    ]


PLAIN = [b"hello", b"GET / HTTP/1.0\r\n\r\n", b"\x00\x01\x02", b"SSH-2.0-x\r\n", *(b"probe %d" % n for n in range(9))]


def packets(moved: Callable[[int], int], seed: int = 1, many: int = 700) -> list[tuple[int, bytes]]:
    """(time in ns, packet) of a few hours, each destination moved. All else is the same for every `moved`."""
    rng = random.Random(seed)
    found = []
    for n in range(many):
        time = MIDNIGHT + rng.randrange(4 * 3600) // 60 * 60 * 10**9  # many at the same moment
        source, host = rng.choice(SOURCES), moved(rng.choice(HOSTS))
        port = rng.choice((22, 23, 80, 445, 5060))
        ip_id = rng.getrandbits(16)
        dark = dark_payloads(host)[n % 6]
        options = b"\x01\x01\x08\x0a" + host.to_bytes(4) + bytes(4)
        found.append(
            (
                time,
                [
                    lambda s, h, p: tcp(s, h, p, sequence=n),  # noqa: B023
                    lambda s, h, p: tcp(s, h, 23, sequence=h),  # Mirai
                    lambda s, h, p: tcp(s, h, p, sequence=h ^ p ^ ip_id),  # noqa: B023  (Masscan: ip_id tells with it)
                    lambda s, h, p: tcp(s, h, p, ack=h + 1, flags=0x12),
                    lambda s, h, p: tcp(s, h, p, options=options),  # noqa: B023
                    lambda s, h, p: tcp(h, h, 139),  # LAND
                    lambda s, h, p: icmp(s, h, 8, h),
                    lambda s, h, p: icmp(s, h, 3, 0, dark_payloads(h)[5]),
                    lambda s, h, p: udp(s, h, p, dark),  # noqa: B023
                    lambda s, h, p: udp(s, h, p, PLAIN[n % len(PLAIN)]),  # noqa: B023
                    lambda s, h, p: tcp(s, h, 80, flags=0x18, payload=dark),  # noqa: B023
                ][n % 11](source, host, port),
            )
        )
    return sorted(found, key=lambda packet: packet[0])


def permutation(seed: int) -> Callable[[int], int]:
    """Each host to another of its block; 0: itself."""
    rng = random.Random(seed)
    table = {}
    for base in (C, D):
        hosts = [host for host in HOSTS if host & 0xFFFFFF00 == base]
        moved = hosts[:]
        if seed:
            rng.shuffle(moved)
        table.update(zip(hosts, moved, strict=True))
    return table.__getitem__


def store(folder: Path, seed: int) -> Path:
    """A store of the capture under one permutation."""
    capture = write_pcap(folder / f"moved{seed}.pcap", packets(permutation(seed)))
    return ingest(folder / f"STORE{seed}", capture, blocks=BLOCKS)


def known_payloads(seed: int) -> dict[bytes, bytes]:
    """Signature to octets of all payloads in the store."""
    moved = permutation(seed)
    octets = [*PLAIN, *(each for host in HOSTS for each in dark_payloads(moved(host)))]
    return {hashlib.md5(each).digest(): each for each in octets}
