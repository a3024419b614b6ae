"""The same through the commands that users type: `ims simulate`, `ims ingest`, `ims analyse circadian`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from calibration.circadian.estimates import ESTIMATES, cells, held
from calibration.commands import ims
from calibration.held import HEAD, Outcome
from calibration.table import table

FILTER = "tcp dst port 4444 and payload"
BLOCK = "G/20=100.70.64.0/20"
LEFT_OUT = ('name = "F/17"', 'name = "C/24"')
"""Blocks of the scenario."""
SIZE = ('prefix = "100.70.64.0/18"', 'prefix = "100.70.64.0/20"')
CASES = ("the scenario, /20, a store",)
SEEDS = 20


def run(_: str, seed: int) -> Outcome:
    """One week, from capture to answer. Raises RuntimeError where a command fails."""
    with tempfile.TemporaryDirectory(prefix="ims-calibration-") as name:
        folder = Path(name)
        (folder / "small.toml").write_text(scenario())
        capture, store = str(folder / "small.pcap"), str(folder / "STORE")
        ims("simulate", str(folder / "small.toml"), "--seed", str(seed), "--out", capture)
        ims("ingest", capture, "--store", store, "--sensor", "g", "--block", BLOCK)
        return compared(json.loads(ims("analyse", "circadian", FILTER, "--store", store, "--format", "json")))


def scenario() -> str:
    """The scenario's file, with one block, and without what comes beside the worm."""
    tables = ims("simulate", "--show", "blaster-2004").split("\n[[")
    kept = [each for each in tables if not each.startswith("background") and not any(name in each for name in LEFT_OUT)]
    text = "\n[[".join(kept)
    assert SIZE[0] in text, f"blaster-2004 has no line {SIZE[0]!r}"
    return text.replace(*SIZE)


def compared(answer: Mapping[str, Any]) -> Outcome:
    """The estimates of an answer beside the truth."""
    found = {name: answer["estimates"].get(name) for name in ESTIMATES}
    return {
        name: None if each is None else held(name, each["value"], each["low"], each["high"])
        for name, each in found.items()
    }


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table."""
    [found] = outcomes.values()
    return table(("estimate", *HEAD[:-1], "value - truth"), [[f"`{name}`", *cells(name, found)] for name in ESTIMATES])
