"""A day of a worm that prefers its own networks, and of hosts that don't: fixture `local_store`, with three blocks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ims.simulate.output.capture import write_scenario

from ..shared import shared
from ..simulate.captures import scenario
from ..stores import ingest

BLOCKS = {"A/24": "40.70.16.0/24", "B/22": "41.71.16.0/22", "C/24": "42.72.16.0/24"}
SLAMMER: dict[str, Any] = {"port": "udp/1434", "says": ["slammer"]}
TARGETS = {"any": 0.25, "/8": 0.25, "/16": 0.5}
HOSTS, RUNS = 600_000, 1500
WORM = {"name": "worm", "hosts": HOSTS, "runs_per_hour": RUNS, "targets": TARGETS, "service": [SLAMMER]}
SCANNERS = [{"name": "of C/24", "sources": 2000, "rate": 600, "blocks": ["C/24"], "service": [{"port": "udp/137"}]}]


def make(folder: Path) -> None:
    blocks = [{"name": name, "prefix": prefix} for name, prefix in BLOCKS.items()]
    with (folder / "x.pcap").open("wb") as file:
        truth = write_scenario(scenario(block=blocks, worm=[WORM], scanner=SCANNERS, duration="2h"), file, seed=1)
    (folder / "truth.json").write_text(json.dumps(truth))
    ingest(folder / "STORE", folder / "x.pcap", blocks=[f"{name}={prefix}" for name, prefix in BLOCKS.items()])


@pytest.fixture(scope="session")
def local_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "local", make) / "STORE"
