"""The same through the commands that users type: `ims simulate`, `ims ingest`, `ims analyse outbreak`."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from calibration.commands import ims
from calibration.held import HEAD, Held, Outcome
from calibration.outbreak.estimates import ESTIMATES, cells
from calibration.outbreak.worm import OWN_SPEED
from calibration.table import table

SCALE = "0.08"
"""Of the scenario: 200,000 packets."""
BLOCK = "B/16=10.0.0.0/16"
CHANGES = {
    'name = "O/8"': 'name = "B/16"',
    'prefix = "10.0.0.0/8"': 'prefix = "10.0.0.0/16"',
    "runs_per_hour = 85\n": f"runs_per_hour = {OWN_SPEED:g}\n",
}
"""What makes blaster-2003 the same worm at Blaster's own speed, as a /16 sees it."""
CASES = ("at Blaster's own speed, /16, a store",)
SEEDS = 20


def run(_: str, seed: int) -> Outcome:
    """One week, from capture to answer. Raises RuntimeError where a command fails."""
    with tempfile.TemporaryDirectory(prefix="ims-calibration-") as name:
        folder = Path(name)
        (folder / "fast.toml").write_text(scenario())
        capture, truth, store = (str(folder / each) for each in ("fast.pcap", "fast.json", "STORE"))
        ims("simulate", str(folder / "fast.toml"), "--scale", SCALE, "--seed", str(seed), "--out", capture,
             "--truth", truth)  # fmt: skip
        ims("ingest", capture, "--store", store, "--sensor", "b", "--block", BLOCK)
        answer = ims("analyse", "outbreak", "tcp dst port 135", "--store", store, "--format", "json")
        return compared(json.loads(answer), json.loads(Path(truth).read_text()))


def scenario() -> str:
    """The scenario's file."""
    text = ims("simulate", "--show", "blaster-2003")
    for before, after in CHANGES.items():
        assert before in text, f"blaster-2003 has no line {before!r}"
        text = text.replace(before, after)
    return text


def compared(answer: Mapping[str, Any], truth: Mapping[str, Any]) -> Outcome:
    """The estimates of an answer beside the parameters of the truth's file."""
    [event] = [each for each in truth["events"] if each["kind"] == "worm"]
    law = event["parameters"]
    expected = {
        "doubling_time": law["doubling_seconds"] / 3600, "max_growth": law["growth_per_hour"] * law["limit"] / 4,
        "half_life": law["half_life_seconds"] / 3600, "decline_began": _micros(law["decline"]),
        "sources": law["hosts_ever"],
    }  # fmt: skip
    found: dict[str, Held | None] = {}
    for name in ESTIMATES:
        estimate = answer["estimates"].get(name)
        if estimate is None or estimate["value"] is None:
            found[name] = None
            continue
        value, low, high = (
            _micros(end) if isinstance(end, str) else end for end in (estimate[key] for key in ("value", "low", "high"))
        )
        found[name] = Held(value, low, high, expected[name])
    return found


def _micros(moment: str) -> float:
    found = dt.datetime.fromisoformat(moment)
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp() * 1e6


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table."""
    [found] = outcomes.values()
    return table(("estimate", *HEAD), [[f"`{name}`", *cells(name, found)] for name in ESTIMATES])
