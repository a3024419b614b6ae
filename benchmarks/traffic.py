"""The benchmarks' capture: dark traffic to a /8, its fields as random as real ones.

    .venv/bin/python -m benchmarks.traffic FILE [--packets 5000000] [--seed 1] [--start EPOCH] [--seconds 60]

What is random decides how small and how fast everything gets, so here is all of it:

* TCP 80 %, UDP 15 %, ICMP 5 %; half of the packets have a payload (all of UDP and ICMP, 40 % of TCP).
* Destinations are uniform in 10.0.0.0/8. 40 % of the sources are uniform in all of IPv4, each seen about
  once (spoofed floods); 60 % come from a pool of 200,000, of which a tenth sends a third.
* Source ports (1024 to 65535), IP IDs, sequence numbers, and the acknowledgment numbers of what isn't a SYN
  are uniform. Times are uniform in microseconds, sorted, over 60 seconds that cross an hour: 5 M packets then
  come to each address of the /8 every 200 s. (The rate matters to programs that keep flows: argus reads these
  5 M packets at 0.06 Mpps, and at 0.7 Mpps when they are spread over 100 minutes.)
* Half of the SYNs go to 20 well-known ports, 30 % to the others after Zipf, 20 % to uniform ones. Their
  options are none (35 %), MSS alone (30 %), Windows' (25 %), or Linux' with a random timestamp (10 %).
* Payloads: 96 % are of a shelf of 200 with Zipf popularity, each with its port; 4 % are new random octets.
  Both have the same lengths: a third 4 to 48, a third 48 to 176, a third 176 to 400. A larger shelf costs
  `zstd -3` more (3000: 10 bytes a packet) and a store hardly anything: a small one is the harder comparison.
* Every checksum is right (4 bytes a packet to zstd; a store needs none of them).

It comes to 146 bytes a packet on disk, and 38 after `zstd -3`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from tests.made.wire import (
    DONT_FRAGMENT,
    ICMP,
    TCP,
    UDP,
    Numbers,
    Payloads,
    packet_columns,
    pcap_records,
    write_pcap_header,
)

CHUNK = 50_000
START = 1_772_625_570
"""2026-03-04 11:59:30 UTC: the capture crosses an hour"""
SECONDS = 60
NEW = 0.04
SHELF = 200
POOL = 200_000
SYN, SYN_ACK, RST_ACK, PSH_ACK = 2, 18, 20, 24
WELL_KNOWN = (
    23,
    22,
    445,
    80,
    443,
    3389,
    8080,
    2323,
    5555,
    6379,
    1433,
    3306,
    5900,
    8443,
    81,
    25,
    139,
    21,
    5060,
    9200,
)


def zipf(count: int) -> Any:
    """Cumulative shares of `count` things whose weight is one over their rank."""
    weights = 1 / np.arange(1, count + 1)
    return np.cumsum(weights) / weights.sum()


class Traffic:
    """What stays the same over the whole capture: the pool of sources, the shelf of payloads, the ports."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        dice = np.random.default_rng([seed, 0])
        self.pool = dice.integers(0, 1 << 32, POOL)
        self.tail = dice.permutation(65_535)[:10_000] + 1
        length = lengths(dice, SHELF)
        self.shelf = Payloads.of([]).extended(dice.integers(0, 256, int(length.sum()), np.uint8), length)
        self.shelf_port = np.where(
            dice.random(SHELF) < 0.7, dice.choice(WELL_KNOWN, SHELF), dice.integers(1, 1 << 16, SHELF)
        )
        self.shelf_popularity, self.tail_popularity = zipf(SHELF), zipf(10_000)

    def chunk(self, number: int, count: int, since_ns: int, until_ns: int) -> np.ndarray:
        """The pcap records of `count` packets in [since, until)."""
        dice = np.random.default_rng([self.seed, 1, number])
        protocol = np.take([TCP, UDP, ICMP], np.searchsorted([0.80, 0.95], dice.random(count), "right"))
        kind = dice.random(count)
        spoken = (protocol != TCP) | (kind < 0.40)
        backscatter = (protocol == TCP) & (kind > 0.93)
        flags = np.where(spoken, PSH_ACK, np.where(backscatter, np.where(kind > 0.96, SYN_ACK, RST_ACK), SYN))
        payload, payloads = self.payloads(dice, spoken)
        syn = flags == SYN
        packets = packet_columns(
            count,
            time_ns=np.sort(dice.integers(since_ns // 1000, until_ns // 1000, count)) * 1000,
            source=self.sources(dice, count),
            destination=10 << 24 | dice.integers(0, 1 << 24, count),
            protocol=protocol,
            ttl=dice.choice([64, 128, 255], count, p=[0.5, 0.3, 0.2]) - dice.integers(6, 25, count),
            ip_id=dice.integers(0, 1 << 16, count),
            ip_fragment=np.where(dice.random(count) < 0.7, DONT_FRAGMENT, 0),
            source_port=dice.integers(1024, 1 << 16, count),
            destination_port=np.where(
                spoken & (payload <= SHELF), self.shelf_port[payload % SHELF], self.ports(dice, count)
            ),
            sequence=dice.integers(0, 1 << 32, count),
            acknowledgment=np.where(syn, 0, dice.integers(0, 1 << 32, count)),
            flags=flags,
            window=np.where(
                syn,
                dice.choice([1024, 29_200, 64_240, 65_535], count),
                np.take([501, 502, 64_240], payload % 3),
            ),
            options=np.where(syn, dice.choice(4, count, p=[0.35, 0.3, 0.1, 0.25]), 0),
            timestamp=dice.integers(0, 1 << 32, count),
            icmp_type=8,
            icmp_rest=dice.integers(0, 1 << 32, count),
            payload=payload,
        )
        return pcap_records(packets, payloads, nanosecond=False)

    def sources(self, dice: np.random.Generator, count: int) -> Numbers:
        known = self.pool[(dice.random(count) ** 2 * POOL).astype(np.int64)]
        return np.where(dice.random(count) < 0.4, dice.integers(0, 1 << 32, count), known)

    def ports(self, dice: np.random.Generator, count: int) -> Numbers:
        tail = self.tail[np.searchsorted(self.tail_popularity, dice.random(count), "right") % self.tail.size]
        kind = dice.random(count)
        anywhere = dice.integers(1, 1 << 16, count)
        return np.where(kind < 0.5, dice.choice(WELL_KNOWN, count), np.where(kind < 0.8, tail, anywhere))

    def payloads(self, dice: np.random.Generator, spoken: np.ndarray) -> tuple[Numbers, Payloads]:
        """Which payload each packet has (0: none), and the shelf with this chunk's new ones behind it."""
        count = spoken.size
        shelf = 1 + np.searchsorted(self.shelf_popularity, dice.random(count), "right") % SHELF
        new = spoken & (dice.random(count) < NEW)
        length = lengths(dice, int(new.sum()))
        payloads = self.shelf.extended(dice.integers(0, 256, int(length.sum()), np.uint8), length)
        payload = np.where(spoken, shelf, 0)
        payload[new] = SHELF + 1 + np.arange(length.size)
        return payload, payloads


def lengths(dice: np.random.Generator, count: int) -> Numbers:
    band = dice.integers(0, 3, count)
    """Lengths of payloads."""
    low, high = np.take([4, 48, 176], band), np.take([48, 176, 400], band)
    length: Numbers = low + (dice.random(count) * (high - low)).astype(np.int64)
    return length


def write_traffic(path: Path, packets: int, seed: int = 1, start: float = START, seconds: float = SECONDS) -> int:
    """Write the capture (pcap, microseconds, Ethernet); returns its bytes. Needs about 200 MB."""
    # The shelf comes from the seed alone, the rest also from the begin: days made of several files repeat
    # their payloads, and nothing else.
    traffic = Traffic(seed)
    first, span = int(start * 1e9), int(seconds * 1e9)
    with path.open("wb") as file:
        write_pcap_header(file, nanosecond=False)
        for begin in range(0, packets, CHUNK):
            count = min(CHUNK, packets - begin)
            since, until = first + span * begin // packets, first + span * (begin + count) // packets
            file.write(traffic.chunk(since // 1_000_000, count, since, until).data)
        return file.tell()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.traffic", description="Write the benchmarks' capture.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--packets", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=float, default=START, help="seconds since the epoch")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long the capture lasts")
    given = parser.parse_args()
    print(write_traffic(given.file, given.packets, given.seed, given.start, given.seconds))


if __name__ == "__main__":
    main()
