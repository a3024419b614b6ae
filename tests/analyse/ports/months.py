"""Ports of some weeks, as the analysis gets them."""

from __future__ import annotations

import numpy as np
from calibration.ports.traffic import Span, data_of, draw

from ims.analyse.ports.analysis import model
from ims.analyse.ports.counts import Bins, Data
from ims.analyse.result import Darknet, Result
from ims.settings.durations import DAY_US

START_US = 1_074_124_800_000_000


def bins(count: int) -> Bins:
    """Whole days of a /24."""
    return Bins(START_US + np.arange(count) * DAY_US, np.full(count, 86400.0), np.ones(count), DAY_US)


def changed(hosts: int = 1000, seed: int = 1) -> Data:
    """A port whose hosts come from the 40th day, 12:00, to the 90th, 06:00."""
    packets, sources = draw(np.random.default_rng(seed), hosts, 1.0, Span(40 * 24 + 12.5, 90 * 24 + 6.25))
    return data_of(packets, sources, 1.0)


def result(data: Data) -> Result:
    """The answer, with the range of the data."""
    found = model(data)
    return Result(
        "ports", None, START_US, START_US + 152 * DAY_US, Darknet(256, ("C/24",)),
        {"bin": "1d", "fdr": 0.05, "well_known": False}, found.estimates, found.rows, found.series, found.notes,
    )  # fmt: skip
