"""The same through the commands that users type: `ims simulate`, `ims ingest`, `ims analyse local-preference`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from calibration.commands import ims
from calibration.held import HEAD, Held, Outcome
from calibration.local_preference.estimates import OF_BLOCK, cells, truth_of_block
from calibration.local_preference.telescopes import Population, expected
from calibration.table import table

HOSTS, RUNS_AN_HOUR = 120_000, 800
LENGTHS = (24, 24, 23, 22, 20)
SCENARIO = f"""
title = "A worm that prefers its own networks, as Nimda did, by UDP: a probe is a packet"
start = 2004-07-14T00:00:00Z
duration = "1d"

[[worm]]
name = "worm"
hosts = {HOSTS}
runs_per_hour = {RUNS_AN_HOUR}
targets = {{ any = 1, "/8" = 1, "/16" = 2 }}
personas = {{ windows-2000 = 1 }}
service = [{{ port = "udp/1434", says = ["slammer"] }}]
"""
LAW = (Population(HOSTS, RUNS_AN_HOUR * 24, 1, 0.25, 0.25, 0.5),)
CASES = ("a worm, a store",)
SEEDS = 20
DAY = 86_400


def run(_: str, seed: int) -> Outcome:
    """One day, from capture to answer. Raises RuntimeError where a command fails."""
    with tempfile.TemporaryDirectory(prefix="ims-calibration-") as name:
        folder = Path(name)
        (folder / "worm.toml").write_text(scenario())
        capture, store = str(folder / "worm.pcap"), str(folder / "STORE")
        ims("simulate", str(folder / "worm.toml"), "--seed", str(seed), "--out", capture)
        words = [word for block, prefix in blocks() for word in ("--block", f"{block}={prefix}")]
        ims("ingest", capture, "--store", store, "--sensor", "ims", *words)
        return compared(json.loads(ims("analyse", "local-preference", "--store", store, "--format", "json")))


def blocks() -> list[tuple[str, str]]:
    """Names and prefixes, each in a /8 of its own."""
    return [(f"{'ABCDE'[at]}/{length}", f"{40 + at}.{70 + at}.16.0/{length}") for at, length in enumerate(LENGTHS)]


def scenario() -> str:
    """The scenario's file."""
    return SCENARIO + "".join(f'\n[[block]]\nname = "{name}"\nprefix = "{prefix}"\n' for name, prefix in blocks())


def compared(answer: Mapping[str, Any]) -> Outcome:
    """What an answer says of the first block beside the truth. Its watch begins and ends with the capture's packets."""
    [row] = [row for row in answer["rows"] if row["block"] == blocks()[0][0]]
    true = truth_of_block(expected(LENGTHS[0], LAW), LENGTHS[0], DAY)
    return {
        name: None if row[name] is None else Held(row[name], row[f"{name}_low"], row[f"{name}_high"], true[name])
        for name in OF_BLOCK
    }


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table."""
    [found] = outcomes.values()
    head = ("estimate", *HEAD[:-2], "width / truth", "value / truth")
    return table(head, [[f"`{name}`", *cells(name, found)] for name in OF_BLOCK])
