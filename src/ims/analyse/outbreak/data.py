"""What an outbreak is estimated from: distinct sources by bins, and by wider ones, packets, and the darknet's size."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ims import arrow
from ims.analyse.counted import Counted, counted
from ims.query.bins import LONGEST_US
from ims.query.errors import NotShownError, QuestionError

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence
    from ims.analyse.options import Options

Array = np.ndarray[Any, Any]
WIDER = (6, 24)
"""Bins together, in which sources are counted once."""
MOST_BINS = 1500
"""So many take 4 s."""


@dataclass(frozen=True)
class Data:
    """Watched bins in the order of time: begin (microseconds), seconds watched, addresses; distinct sources and
    packets. `wider`: the begins and the sources of bins so many times as wide, where the role is shown them; `width`:
    microseconds; `asked`: the width that was asked for; `range`: what was asked for and shown, microseconds, None: from
    the first bin on, or to the last."""

    time: Array
    seconds: Array
    addresses: Array
    sources: Counted
    packets: Counted
    wider: dict[int, tuple[Array, Array]]
    width: int
    asked: int
    range: tuple[int | None, int | None] = (None, None)


def data(evidence: Evidence, options: Options) -> Data:
    """Sources, packets and the darknet's size by bin, and sources by wider bins."""
    asked = options.values["bin"]
    sizes = evidence.darknet(asked, None).sort_by("time")
    if len(sizes) > MOST_BINS:
        raise QuestionError(
            f"{len(sizes):,} bins are more than the {MOST_BINS:,} that a law is fitted to; "
            "a wider --bin, or a shorter time, has fewer"
        )
    time = arrow.numbers(sizes.column("time"))
    sources = counted(evidence, time, asked, "sources")
    width = evidence.width
    packets = counted(evidence, time, asked, "packets")
    wider: dict[int, tuple[Array, Array]] = {}
    for times in WIDER:
        if width * times <= LONGEST_US:
            with contextlib.suppress(NotShownError):
                found = evidence.series(width * times, metric="sources")
                wider[times] = (arrow.numbers(found.column("time")), arrow.floats(found.column("value")))
    seconds, addresses = (arrow.floats(sizes.column(name)) for name in ("seconds", "addresses"))
    reached = (evidence.since, evidence.until)
    return Data(time, seconds, addresses, sources, packets, wider, width, asked, reached)
