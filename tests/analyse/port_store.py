"""A store of ports whose truth is known: fixture `port_store`. In sixteen days 4000 begins, 137 (well known) ends, and
5000 is one host's. Payloads hold a monitored address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ..shared import shared
from ..stores import MIDNIGHT, ingest, udp, write_pcap

DAY_NS = 86400 * 10**9
DARK = b"Host: 198.51.100.77"


def packets() -> Iterator[tuple[int, bytes]]:
    rng = np.random.default_rng(1)
    found = []
    for day in range(16):
        base = MIDNIGHT + day * DAY_NS
        at = iter((rng.random(4000) * DAY_NS).astype(np.int64).tolist())
        found += [(base + next(at), udp(0x0B000000 + number, 0xC6336400, 53)) for number in range(20)]
        found += [
            (base + next(at), udp(0x0C000000 + number, 0xC633644D, 4000, DARK)) for number in range(80 * (day >= 8))
        ]
        found += [(base + next(at), udp(0x0D000000, 0xC6336402, 5000)) for _ in range(150 * (day >= 5))]
        found += [(base + next(at), udp(0x0E000000 + number, 0xC6336402, 137)) for number in range(80 * (day < 9))]
    yield from sorted(found)


def make(folder: Path) -> None:
    ingest(folder / "STORE", write_pcap(folder / "weeks.pcap", packets()))


@pytest.fixture(scope="session")
def port_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "port-levels", make) / "STORE"
