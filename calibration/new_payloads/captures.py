"""The scenario `new-payloads` through the commands that users type, with three sensors: what is called new, what one
place alone has, the order of places, and delays."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from calibration.commands import ims
from calibration.table import table

SENSORS = {"a": "A/24=100.66.64.0/24", "b": "B/24=172.25.64.0/24", "c": "C/24=198.18.64.0/24"}
CASES = ("the scenario, three sensors",)
SEEDS = 20
BIN_SECONDS = 3600
BACKGROUND, OLD = "background", "old ones"
CLAIMS = ("new", "at one block alone", "order of blocks", "delays within a bin")


class Score(NamedTuple):
    """Of a claim: how often it was right, how often it was made, how often it should have been."""

    right: int
    made: int
    true: int


def run(_: str, seed: int) -> dict[str, Score]:
    """From capture to answer. Raises RuntimeError where a command fails."""
    with tempfile.TemporaryDirectory(prefix="ims-calibration-") as name:
        folder = Path(name)
        capture, truth, store = (str(folder / each) for each in ("dark.pcap", "truth.json", "STORE"))
        ims("simulate", "new-payloads", "--seed", str(seed), "--out", capture, "--truth", truth)
        for sensor, block in SENSORS.items():
            ims("ingest", capture, "--store", store, "--sensor", sensor, "--block", block)
        answer = json.loads(ims("analyse", "new-payloads", "--store", store, "--format", "json"))
        return scores(json.loads(Path(truth).read_text())["events"], answer["rows"])


def scores(events: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> dict[str, Score]:
    """Rows beside the truth. Payloads that are like no other are new as well, and in no event by name: they are left
    out; those of the background and the old ones that are called new are wrong."""
    planted = _planted(events)
    named = {each["signature"] for event in events for each in event["signatures"]}
    found = {row["signature"]: row for row in rows if row["signature"] in named}
    both = found.keys() & planted.keys()
    alone = {signature for signature, places in planted.items() if len(places) == 1}
    only = {signature for signature, row in found.items() if row["only"] is not None}
    apart = {signature for signature, places in planted.items() if _are_apart(places)}
    ordered = [_order(found[each]) == [name for name, _ in planted[each]] for each in both & apart]
    near = [_is_near(found[each], planted[each]) for each in both & apart]
    return dict(zip(CLAIMS, (
        Score(len(both), len(found), len(planted)), Score(len(only & alone), len(only), len(alone)),
        Score(sum(ordered), len(ordered), len(apart)), Score(sum(near), len(near), len(apart)),
    ), strict=True))  # fmt: skip


def _planted(events: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[str, datetime]]]:
    """By signature: the blocks of its groups, in order, and when the group came there."""
    planted: dict[str, list[tuple[str, datetime]]] = {}
    for event in events:
        if event["name"] != BACKGROUND and not event["name"].startswith(OLD):
            [block] = event["blocks"]
            for each in event["signatures"]:
                planted.setdefault(each["signature"], []).append((block, datetime.fromisoformat(event["first"])))
    return {signature: sorted(places, key=lambda place: place[1]) for signature, places in planted.items()}


def _are_apart(places: Sequence[tuple[str, datetime]]) -> bool:
    """Whether the order follows from when the groups began: not that of those which began at once."""
    return len(places) > 1 and all(
        (after[1] - before[1]).total_seconds() > BIN_SECONDS for before, after in pairwise(places)
    )


def _order(row: Mapping[str, Any]) -> list[str]:
    return [each for each in (row["block"], row["second_block"], row["third_block"]) if each is not None]


def _is_near(row: Mapping[str, Any], places: Sequence[tuple[str, datetime]]) -> bool:
    delays = [row[f"{which}_delay"] for which in ("second", "third")][: len(places) - 1]
    true = [(at - places[0][1]).total_seconds() for _, at in places[1:]]
    return all(
        found is not None and abs(found - expected) <= BIN_SECONDS for found, expected in zip(delays, true, strict=True)
    )


def text(outcomes: Mapping[str, Sequence[dict[str, Score]]]) -> str:
    """The table."""
    [found] = outcomes.values()
    rows = []
    for claim in CLAIMS:
        sums = [sum(each[claim][at] for each in found) for at in range(3)]
        worst = [min(each[claim][0] / max(each[claim][at], 1) for each in found) for at in (1, 2)]
        precision, recall = sums[0] / max(sums[1], 1), sums[0] / max(sums[2], 1)
        rows.append([claim, str(len(found)), *map(str, sums), f"{precision:.3f}", f"{recall:.3f}",
                     f"{worst[0]:.3f}, {worst[1]:.3f}"])  # fmt: skip
    head = ("claim", "runs", "right", "made", "true", "precision", "recall", "lowest of a run")
    return table(head, rows)
