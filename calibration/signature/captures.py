"""The same through the commands that users type: `ims simulate`, `ims ingest`, `ims analyse signature`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from calibration.commands import ims
from calibration.table import table

FILTER = "tcp dst port 445"
BLOCKS = ("C/24=100.66.64.0/24", "D/22=100.67.64.0/22")
CASES = ("appearing-payloads",)
SEEDS = 20
PLANTED = {
    "new 1": "2004-06-03T09:20:00Z", "new 2": "2004-06-05T21:40:00Z", "new 3": "2004-06-06T14:00:00Z",
    "new 4": "2004-06-04T03:10:00Z", "new 5": "2004-06-02T16:30:00Z", "new 6": "2004-06-04T12:00:00Z",
}  # fmt: skip
"""Of the scenario: by the name that stands in a payload, when it begins."""


class Outcome(NamedTuple):
    """Payloads that are said to have appeared; of these, those which did; and those whose interval holds their
    begin."""

    found: int
    right: int
    held: int


def run(name: str, seed: int) -> Outcome:
    """One run, from capture to answer. Raises RuntimeError where a command fails."""
    with tempfile.TemporaryDirectory(prefix="ims-calibration-") as folder:
        capture, store = str(Path(folder) / "some.pcap"), str(Path(folder) / "STORE")
        ims("simulate", name, "--seed", str(seed), "--out", capture)
        words = [word for block in BLOCKS for word in ("--block", block)]
        ims("ingest", capture, "--store", store, "--sensor", "c", *words)
        return compared(json.loads(ims("analyse", "signature", FILTER, "--store", store, "--format", "json")))


def compared(answer: Mapping[str, Any]) -> Outcome:
    """The rows of an answer beside the truth."""
    found = [row for row in answer["rows"] if row["appeared"] is not None]
    right = [(row, begin) for row in found if (begin := PLANTED.get(named(row["text"])))]
    held = sum((row["appeared_low"] or "") <= begin <= row["appeared_high"] for row, begin in right)
    return Outcome(len(found), len(right), held)


def named(text: str) -> str:
    """The name that stands in a planted payload."""
    return text.removeprefix("[").partition(":")[0]


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table."""
    rows = []
    for name, each in outcomes.items():
        found, right, held = (sum(getattr(one, field) for one in each) for field in Outcome._fields)
        planted = len(PLANTED) * len(each)
        rows.append([
            f"`{name}`", str(len(each)), str(planted), str(found), f"{right / max(found, 1):.3f}",
            f"{right / planted:.3f}", f"{held} of {right}",
        ])  # fmt: skip
    return table(("scenario", "runs", "planted", "found", "precision", "recall", "begin held"), rows)
