"""The same through the commands that users type: `ims simulate`, `ims ingest`, `ims analyse ports`."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from calibration.commands import ims
from calibration.held import HEAD, Held
from calibration.table import table

BLOCK = "C/24=100.66.64.0/24"
DURATION, DAYS, END = 'duration = "152d"', "50d", "2004-03-05"
CASES = ("the scenario's first 50 days, /24, a store",)
SEEDS = 20
Outcome = Mapping[str, Any]


def run(_: str, seed: int) -> Outcome:
    """From capture to answer: changes beside the truth, ports that are missing, and ports that shouldn't be there.
    Raises RuntimeError where a command fails."""
    with tempfile.TemporaryDirectory(prefix="ims-calibration-") as name:
        folder = Path(name)
        text = scenario()
        (folder / "short.toml").write_text(text)
        capture, store = str(folder / "short.pcap"), str(folder / "STORE")
        ims("simulate", str(folder / "short.toml"), "--seed", str(seed), "--out", capture)
        ims("ingest", capture, "--store", store, "--sensor", "c", "--block", BLOCK)
        return compared(json.loads(ims("analyse", "ports", "--store", store, "--format", "json")), planted(text))


def scenario() -> str:
    """The scenario's file, cut short, without the worms and the ends that come later."""
    tables = ims("simulate", "--show", "ports-2004").split("\n[[")
    kept = [each for each in tables if (since := _date(each, "since")) is None or since < END]
    lines = [line for line in "\n[[".join(kept).split("\n") if not line.startswith("until = ") or line[8:18] < END]
    text = "\n".join(lines)
    assert DURATION in text, f"ports-2004 has no line {DURATION!r}"
    return text.replace(DURATION, f'duration = "{DAYS}"')


def planted(text: str) -> dict[int, list[datetime]]:
    """When each port of a scenario changes."""
    found = {}
    for each in text.split("\n[[worm]]")[1:]:
        port = int(re.findall(r"tcp/(\d+)", each)[0])
        dates = [_date(each, word) for word in ("since", "until")]
        if any(dates):
            found[port] = [datetime.fromisoformat(date) for date in dates if date]
    return found


def _date(text: str, word: str) -> str | None:
    found = re.findall(rf"^{word} = (\S+)", text, re.MULTILINE)
    return found[0] if found else None


def compared(answer: Mapping[str, Any], truth: Mapping[int, Sequence[datetime]]) -> Outcome:
    """The dates of an answer beside the truth."""
    rows = answer["rows"]
    held = []
    for port, dates in truth.items():
        mine = [row for row in rows if row["port"] == port]
        pairs = zip(mine, dates, strict=True) if len(mine) == len(dates) else ()
        held += [
            Held(*(_seconds(row[f"changed_at{end}"]) for end in ("", "_low", "_high")), date.timestamp())  # type: ignore
            for row, date in pairs
        ]
    named = {row["port"] for row in rows}
    return {"held": held, "changes": sum(map(len, truth.values())), "missing": len(truth.keys() - named),
            "others": len(named - truth.keys())}  # fmt: skip


def _seconds(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table."""
    [found] = outcomes.values()
    held = [each for outcome in found for each in outcome["held"]]
    made, changes = len(held), sum(each["changes"] for each in found)
    cells = [str(made), str(sum(each.is_right for each in held)), str(changes - made)]
    wrong = [str(sum(each[name] for each in found)) for name in ("missing", "others")]
    return table(("changes", *HEAD[:3], "ports not named", "other ports named"), [["of all ports", *cells, *wrong]])
