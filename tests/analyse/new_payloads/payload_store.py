"""A store of three sensors with payloads whose coming is known: old ones, groups that come to one block after the other,
some to one alone, a block that joins, and one that stops for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ...stores import MIDNIGHT, ingest, udp, write_pcap

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
HOURS = 72
BLOCKS = {"a": (0xC633_6400, "A/24=198.51.100.0/24"), "b": (0xCB00_7100, "B/24=203.0.113.0/24"),
          "c": (0x0A00_0000, "C/24=10.0.0.0/24")}  # fmt: skip
GROUPS: dict[str, tuple[tuple[str, float], ...]] = {
    "old": (("a", 0.1), ("b", 0.2), ("c", 0.3)),
    "all": (("a", 30), ("b", 32), ("c", 37)),
    "two": (("b", 34), ("c", 34.5)),
    "alone": (("c", 38),),
    "back": (("c", 50), ("a", 55), ("b", 59)),
    "elsewhere": (("a", 2), ("b", 40)),
}  # fmt: skip
"""Groups of eight payloads: the sensors that they come to, and when (hours). `elsewhere` came to another sensor before
the range; it isn't new."""
EACH = 8
SOURCE = 0x0808_0800


def payload(group: str, number: int) -> bytes:
    return b"%s %d" % (group.encode(), number)


def signature(group: str, number: int) -> str:
    return hashlib.md5(payload(group, number)).hexdigest()


def packets(sensor: str, begin: float = 0, end: float = HOURS) -> Iterator[tuple[int, bytes]]:
    """One of each payload an hour, from when its group came on; one like no other each hour; `elsewhere` comes once."""
    first, _ = BLOCKS[sensor]
    for hour in range(int(begin), int(end)):
        yield MIDNIGHT + hour * HOUR, udp(SOURCE, first + 9, 9, b"fresh %s %d" % (sensor.encode(), hour))
        for group, places in GROUPS.items():
            for place, since in places:
                if place != sensor or hour < int(since) or (group == "elsewhere" and hour > since):
                    continue
                for number in range(EACH):
                    at = MIDNIGHT + int((hour + since % 1) * HOUR) + (number + 1) * SECOND
                    yield at, udp(SOURCE + number % 3, first + number, 53, payload(group, number))
    yield MIDNIGHT + int(end * HOUR) - 1000, udp(SOURCE, first + 9, 9, b"last of " + sensor.encode())


def make(folder: Path) -> None:
    for sensor, (_, block) in BLOCKS.items():
        capture = write_pcap(folder / f"{sensor}.pcap", sorted(packets(sensor)))
        ingest(folder / "STORE", capture, sensor=sensor, blocks=[block])
