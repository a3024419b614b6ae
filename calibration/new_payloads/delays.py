"""Payloads whose share that comes on, and whose delays, are known: do the intervals hold them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from calibration.table import table
from ims.analyse.new_payloads.survival import Times, survival

Array = np.ndarray[Any, Any]


class Case(NamedTuple):
    """New payloads in a time of `hours`; a share of them comes on, with a median delay of `median` hours. `gap`: when
    no other place was watched. `together`: payloads of one campaign, which come at one time."""

    count: int
    share: float
    median: float
    hours: float = 48.0
    gap: tuple[float, float] = (0.0, 0.0)
    together: int = 1


CASES: Mapping[str, Case] = {
    "200 payloads, half come on": Case(200, 0.5, 3.0),
    "2,000, of which 5 %": Case(2000, 0.05, 6.0),
    "20,000, of which 1 %": Case(20_000, 0.01, 1.0),
    "300, of which all": Case(300, 1.0, 0.2),
    "2,000, of which 20 %, half of these within 36 s": Case(2000, 0.2, 0.01),
    "200, half, nobody else watched for ten hours": Case(200, 0.5, 3.0, gap=(20.0, 30.0)),
    "20 campaigns of ten payloads each, half come on": Case(200, 0.5, 3.0, together=10),
}
SEEDS = 200
ESTIMATES = ("second_share", "second_delay")


def run(name: str, seed: int) -> dict[str, tuple[bool, float] | None]:
    """Of the share and the median delay: whether the interval holds the truth, and its width by the value."""
    case, rng = CASES[name], np.random.default_rng(seed)
    groups = case.count // case.together
    first = np.repeat(rng.uniform(0, case.hours, groups), case.together)
    delay = rng.exponential(case.median / np.log(2), groups)
    delay = np.repeat(np.where(rng.random(groups) < case.share, delay, np.inf), case.together)
    found = survival(_times(first, delay, case))
    by_then = 1 - 0.5 ** (found.horizon / 3600 / case.median)
    middle = -case.median * np.log2(1 - by_then / 2) * 3600
    outcome: dict[str, tuple[bool, float] | None] = {}
    for estimate, interval, truth in (("second_share", found.of_share(), case.share * by_then),
                                      ("second_delay", found.median(), middle)):  # fmt: skip
        outcome[estimate] = None if interval is None else (
            bool(interval.low <= truth <= interval.high), float((interval.high - interval.low) / interval.value)
        )  # fmt: skip
    return outcome


def _times(first: Array, delay: Array, case: Case) -> Times:
    """In seconds. What comes to another place in the gap is seen by nobody: it is in no count."""
    low, high = case.gap
    at = first + delay
    hidden = (at >= low) & (at < high)
    first, delay = first[~hidden], delay[~hidden]
    left = case.hours - first
    came = delay <= left
    stop = np.where(came, delay, left)
    risks = [(np.zeros(len(first)), np.where(high > low, np.minimum(low - first, stop), stop)),
             (np.maximum(high - first, 0), stop)]  # fmt: skip
    since, until = (np.concatenate(each) * 3600 for each in zip(*risks[: 1 + (high > low)], strict=True))
    inside = since < until
    ones = np.ones(len(first))
    return Times(since[inside], until[inside], np.ones(inside.sum()), delay[came] * 3600, ones[came], left * 3600, ones)


def text(outcomes: Mapping[str, Sequence[dict[str, tuple[bool, float] | None]]]) -> str:
    """The table."""
    rows = []
    for name, found in outcomes.items():
        for estimate in ESTIMATES:
            made = [each[estimate] for each in found if each[estimate] is not None]
            held = sum(each[0] for each in made if each)
            width = float(np.median([each[1] for each in made if each])) if made else float("nan")
            rows.append([name, f"`{estimate}`", str(len(made)), str(held), str(len(found) - len(made)), f"{width:.2f}"])
    return table(("payloads", "estimate", "made", "held", "null", "width"), rows)
