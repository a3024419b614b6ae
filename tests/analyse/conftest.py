"""A store whose rates are known: three blocks of different sizes, one of which has a gap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ims
from ims.telescope import Telescope

from ..shared import shared
from ..stores import MIDNIGHT, ingest, udp, write_pcap

MINUTE_NS = 60 * 1_000_000_000
BLOCKS = {"A/24": ("198.51.100.0/24", 0xC6336400, 30), "B/25": ("203.0.113.0/25", 0xCB007100, 60),
          "C/23": ("10.0.0.0/23", 0x0A000000, 2)}  # fmt: skip
"""name: its prefix, its first address, packets in every five minutes. The rates by /24 are as 30 to 120 to 1."""
HOURS = 4
LATER = 7 * 86_400 * 1_000_000_000 + 2 * 3600 * 1_000_000_000
"""The second capture begins so long after the first: a week and two hours, so that there is a gap."""
SCANNER = 0xC0000209


def packets(begin: int, first: int, each: int) -> Iterator[tuple[int, bytes]]:
    """`each` packets in every five minutes, evenly; a last one ends the last bin."""
    step = 5 * MINUTE_NS // each
    for at in range(HOURS * 12 * each):
        yield begin + at * step, udp(SCANNER + at % 7, first + at % 100, 53 + at % 2, b"x")
    yield begin + HOURS * 60 * MINUTE_NS - 1000, udp(SCANNER, first, 53, b"x")


def make(folder: Path) -> None:
    store = folder / "STORE"
    for name, (prefix, first, each) in BLOCKS.items():
        begins = (MIDNIGHT, MIDNIGHT + LATER) if name == "A/24" else (MIDNIGHT,)
        for number, begin in enumerate(begins):
            capture = write_pcap(folder / f"{first}.{number}.pcap", packets(begin, first, each))
            ingest(store, capture, sensor=name[0].lower(), blocks=[f"{name}={prefix}"])


@pytest.fixture(scope="session")
def rates_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "rates", make) / "STORE"


@pytest.fixture
def telescope(rates_store: Path) -> Iterator[Telescope]:
    with ims.open(rates_store) as telescope:
        yield telescope
