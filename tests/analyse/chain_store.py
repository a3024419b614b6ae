"""A day of hosts that do steps in order, among those who do the same in another: fixture `chain_store`, and its truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ims.simulate.output.capture import write_scenario

from ..shared import shared
from ..simulate.captures import scenario
from ..stores import ingest

BLOCKS = [{"name": "F/20", "prefix": "100.70.0.0/20"}, {"name": "C/24", "prefix": "198.51.100.0/24"}]
REQUEST: dict[str, Any] = {"port": "tcp/135", "says": ["made:blaster bind:72", "made:blaster request:1704"]}
COMMAND: dict[str, Any] = {"port": "tcp/4444", "says": ["made:blaster command:42"]}
VARIANT = COMMAND | {"says": ["made:blaster variant:44"], "after": "400ms"}
COMMON = {"targets": {"any": 1}, "runs_per_hour": 100_000, "run_length": 3}
HOSTS = {"blaster": 400, "variant": 100}
WORMS = [
    COMMON | {"name": "blaster", "like": "blaster", "hosts": HOSTS["blaster"], "hours": "all"},
    COMMON | {"name": "variant", "hosts": HOSTS["variant"], "service": [REQUEST | {"follow": VARIANT}]},
    COMMON | {"name": "backwards", "hosts": 300, "service": [COMMAND | {"follow": REQUEST | {"after": "400ms"}}]},
]
SCANNERS = [
    {"name": "of 135", "sources": 300, "rate": 60, "service": [REQUEST]},
    {"name": "of 4444", "sources": 300, "rate": 60, "service": [COMMAND]},
    {"name": "of both", "sources": 300, "rate": 60, "service": [REQUEST, COMMAND]},
]
STEPS = {"first": "tcp dst port 135 and payload", "then": "tcp dst port 4444 and payload"}


def make(folder: Path) -> None:
    with (folder / "x.pcap").open("wb") as file:
        truth = write_scenario(scenario(block=BLOCKS, worm=WORMS, scanner=SCANNERS), file, seed=1)
    (folder / "truth.json").write_text(json.dumps(truth))
    ingest(folder / "STORE", folder / "x.pcap", blocks=[f"{each['name']}={each['prefix']}" for each in BLOCKS])


@pytest.fixture(scope="session")
def chain_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: STORE, and truth.json."""
    return shared(tmp_path_factory, "chain", make)


def events(folder: Path) -> dict[str, dict[str, Any]]:
    """What was planted, by name."""
    return {event["name"]: event for event in json.loads((folder / "truth.json").read_text())["events"]}
