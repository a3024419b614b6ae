"""A worm's day at a /24, as a store: fixture `worm_store`, and its truth."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ims.simulate.output.capture import write_scenario

from ..shared import shared
from ..simulate.captures import scenario
from ..stores import ingest

DOUBLING, HALF_LIFE, LIMIT = 2 / 3, 2.5, 150_000
"""Hours, hours, hosts."""
DECLINE = datetime(2026, 3, 4, 11, tzinfo=UTC)
WORM = {
    "name": "a worm", "since": "+3h", "initial": 300, "limit": LIMIT, "doubling": "40m", "decline": "+11h",
    "half_life": "2.5h", "rest": 0.04, "runs_per_hour": 150_000, "service": [{"port": "tcp/4321", "repeats": 0}],
}  # fmt: skip
OTHERS = {
    "name": "others", "sources": 500, "packets_per_24": 1500, "ports": {"udp/53": 1}, "tail": 0, "tail_ports": 1,
}  # fmt: skip


def make(folder: Path) -> None:
    with (folder / "worm.pcap").open("wb") as file:
        write_scenario(scenario(worm=[WORM], background=[OTHERS]), file, seed=1)
    ingest(folder / "STORE", folder / "worm.pcap", blocks=["C/24=198.51.100.0/24"])


@pytest.fixture(scope="session")
def worm_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "worm", make) / "STORE"
