"""A darknet as a riddle: pairs of /24s that look alike, of each of which a coin decided which one is monitored.

The coins come from a generator that no attacker knows. Both of a pair are in a /8 of their own, and their names are
equally long. What comes to the one that is monitored holds its address in every form (`permuted.dark_payloads`), and
forged packets have it as their source. Nothing comes from the other one.
"""

from __future__ import annotations

import ipaddress
import random
from pathlib import Path
from typing import NamedTuple

from tests.portal.permuted import PLAIN, dark_payloads, icmp, tcp
from tests.stores import MIDNIGHT, ingest, udp, write_pcap

EIGHTS = [first for first in range(100, 224) if first != 127]
"""First octets of three digits."""
HOURS = 3
SOURCES_FROM = 1, 99


class Pair(NamedTuple):
    """Two candidates, of which `dark` (0 or 1) is monitored under the name `block`."""

    block: str
    candidates: tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]
    dark: int

    @property
    def monitored(self) -> ipaddress.IPv4Network:
        return self.candidates[self.dark]


def riddle(many: int, seed: int) -> list[Pair]:
    """At most 61 pairs."""
    rng = random.Random(seed)
    eights = rng.sample(EIGHTS, 2 * many)
    rest = [rng.randrange(100, 250) << 16 | rng.randrange(100, 250) << 8 for _ in range(many)]
    networks = [
        tuple(ipaddress.IPv4Network((eights[2 * n + side] << 24 | rest[n], 24)) for side in (0, 1)) for n in range(many)
    ]
    return [Pair(f"B{n:02}", (low, high), rng.randrange(2)) for n, (low, high) in enumerate(networks)]


def store_of(pairs: list[Pair], folder: Path, packets: int, seed: int) -> Path:
    """A store of `packets` packets to each block, within `HOURS` hours from MIDNIGHT on."""
    rng = random.Random(seed)
    found = []
    for pair in pairs:
        for n in range(packets):
            host = int(pair.monitored.network_address) + rng.randrange(1, 255)
            source = rng.randrange(SOURCES_FROM[0], SOURCES_FROM[1]) << 24 | rng.getrandbits(24)
            dark = dark_payloads(host)[n % 6]
            octets = [
                lambda s, h, d: tcp(s, h, 23, sequence=h),  # Mirai's mark
                lambda s, h, d: tcp(h, h, 139),  # LAND
                lambda s, h, d: udp(s, h, 5060, d),
                lambda s, h, d: udp(s, h, 53, rng.choice(PLAIN)),
                lambda s, h, d: icmp(s, h, 8, h),
                lambda s, h, d: tcp(s, h, 80, ack=h + 1, flags=0x12),
                lambda s, h, d: tcp(s, h, 445),
            ][n % 7](source, host, dark)
            found.append((MIDNIGHT + rng.randrange(HOURS * 3600 * 10**6) * 1000, octets))
    capture = write_pcap(folder / "riddle.pcap", sorted(found))
    blocks = [f"{pair.block}={pair.monitored}" for pair in pairs]
    return ingest(folder / "STORE", capture, sensor="a", blocks=blocks)
