"""Payloads whose share that comes on, and whose delays, are known: do the intervals hold them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from calibration.held import mark, sentence
from calibration.table import table
from ims.analyse.new_payloads.campaigns import Begins
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
    lasts: float = 0.0


CASES: Mapping[str, Case] = {
    "200 payloads, half come on": Case(200, 0.5, 3.0),
    "2,000, of which 5 %": Case(2000, 0.05, 6.0),
    "20,000, of which 1 %": Case(20_000, 0.01, 1.0),
    "300, of which all": Case(300, 1.0, 0.2),
    "2,000, of which 20 %, half of these within 36 s": Case(2000, 0.2, 0.01),
    "200, half, nobody else watched for ten hours": Case(200, 0.5, 3.0, gap=(20.0, 30.0)),
    "20 campaigns of ten payloads each, half come on": Case(200, 0.5, 3.0, together=10),
    "the same, each over three hours": Case(200, 0.5, 3.0, together=10, lasts=3.0),
    "40 campaigns of 25 payloads each, 20 % come on": Case(1000, 0.2, 3.0, together=25),
    "200 campaigns of 20 payloads each, 30 % come on": Case(4000, 0.3, 3.0, together=20),
    "2 campaigns of 100 payloads each, half come on": Case(200, 0.5, 3.0, together=100),
}
SEEDS = 200
ESTIMATES = ("second_share", "second_delay")


Outcome = dict[str, tuple[bool, float] | None]


def run(name: str, seed: int) -> Outcome:
    """Of the share and the median delay: whether the interval holds the truth, and its width by the value; None where
    it has no ends."""
    case, rng = CASES[name], np.random.default_rng(seed)
    groups = case.count // case.together
    first = np.repeat(rng.uniform(0, case.hours - case.lasts, groups), case.together)
    if case.lasts:
        first = first + rng.uniform(0, case.lasts, len(first))
    delay = rng.exponential(case.median / np.log(2), groups)
    delay = np.repeat(np.where(rng.random(groups) < case.share, delay, np.inf), case.together)
    found = survival(_times(first, delay, case))
    by_then = 1 - 0.5 ** (found.horizon / 3600 / case.median)
    middle = -case.median * np.log2(1 - by_then / 2) * 3600
    outcome: Outcome = {}
    for estimate, interval, truth in (("second_share", found.of_share(), case.share * by_then),
                                      ("second_delay", found.median(), middle)):  # fmt: skip
        outcome[estimate] = None if interval is None or np.isnan(interval.low) else (
            bool(interval.low <= truth <= interval.high), float((interval.high - interval.low) / interval.value)
        )  # fmt: skip
    return outcome


def _times(first: Array, delay: Array, case: Case) -> Times:
    """In seconds, and by the hour in which each began. What comes to another place in the gap is seen by nobody: it is
    in no count."""
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
    bins = first.astype(np.int64)
    begins = Begins(np.tile(bins, len(since) // max(len(bins), 1))[inside], bins[came], int(case.hours))
    return Times(since[inside], until[inside], np.ones(inside.sum()), delay[came] * 3600, ones[came], left * 3600, ones,
                 begins)  # fmt: skip


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table, and a sentence on what is outside."""
    rows, outside = [], []
    for name, found in outcomes.items():
        for estimate in ESTIMATES:
            made = [one for each in found if (one := each[estimate]) is not None]
            held = sum(right for right, _ in made)
            # A share of 1 is the bound of its interval, which holds it each time that it isn't surely less.
            marked = "" if estimate == "second_share" and CASES[name].share == 1 else mark(held, len(made))
            width = f"{np.median([width for _, width in made]):.2f}" if made else ""
            rows.append([name, f"`{estimate}`", str(len(made)), f"{held} {marked}".rstrip() if made else "",
                         str(len(found) - len(made)), width])  # fmt: skip
            if marked:
                outside.append(f"`{estimate}` of {name} ({held} of {len(made)})")
    return f"{table(('payloads', 'estimate', 'made', 'held', 'null', 'width'), rows)}\n\n{sentence(outside)}"
