"""Whether an export holds the packets of its capture: an independent reading of both, with `struct` alone.

    .venv/bin/python -m benchmarks.compare CAPTURE EXPORT

CAPTURE is an Ethernet pcap of IPv4 frames, EXPORT a pcap of link type RAW or IPV4. Packets are compared byte
for byte from the IP header on, with their times to the nanosecond; those of equal time may be in any order.
"""

from __future__ import annotations

import argparse
import json
import mmap
import struct
from collections.abc import Iterator
from itertools import groupby, zip_longest
from operator import itemgetter
from pathlib import Path

MAGIC = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
IP_OFFSET = {1: 14, 101: 0, 228: 0}


def packets(path: Path) -> Iterator[tuple[int, bytes]]:
    """Time in ns, and the octets from the IP header to the end of the IP packet. Raises ValueError."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        order = "<" if struct.unpack_from("<I", data)[0] in MAGIC else ">"
        magic, link = struct.unpack_from(order + "I", data)[0], struct.unpack_from(order + "I", data, 20)[0]
        if magic not in MAGIC or link not in IP_OFFSET:
            raise ValueError(f"{path}: magic {magic:#x}, link type {link}: not a pcap that this reads")
        unit, skip = MAGIC[magic], IP_OFFSET[link] + 16
        header, total = struct.Struct(order + "III"), struct.Struct("!H")
        at, end = 24, len(data)
        while at < end:
            seconds, fraction, captured = header.unpack_from(data, at)
            ip = at + skip
            at += 16 + captured
            if at > end:
                raise ValueError(f"{path}: cut off inside a packet")
            length = total.unpack_from(data, ip + 2)[0]
            yield seconds * 1_000_000_000 + fraction * unit, data[ip : min(at, ip + length)]


def compare(capture: Path, export: Path) -> dict[str, int]:
    """`packets` of the capture, `exported` ones, `differing`: packets in one that the other lacks."""
    count = {"packets": 0, "exported": 0, "differing": 0}
    nothing: tuple[int, list[tuple[int, bytes]]] = (-1, [])
    both = zip_longest(groups(capture), groups(export), fillvalue=nothing)
    for (_, ours), (_, theirs) in both:
        count["packets"] += len(ours)
        count["exported"] += len(theirs)
        if ours != theirs and sorted(ours) != sorted(theirs):
            count["differing"] += max(len(ours), len(theirs))
    return count


def groups(path: Path) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
    for time_ns, same in groupby(packets(path), key=itemgetter(0)):
        yield time_ns, list(same)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.compare", description="Compare an export with its capture.")
    parser.add_argument("capture", type=Path)
    parser.add_argument("export", type=Path)
    given = parser.parse_args()
    print(json.dumps(compare(given.capture, given.export)))


if __name__ == "__main__":
    main()
