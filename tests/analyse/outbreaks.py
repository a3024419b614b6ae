"""A worm's week, as the analysis returns it: its counts have noise, its estimates are the truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.result import Darknet, Estimate, Result, schema

HOUR_US = 3_600_000_000
AUGUST_US = 1_060_560_000_000_000
"""2003-08-11T00:00:00Z."""
BACKGROUND, PEAK, DOUBLING, HALVING = 300.0, 40_000.0, 2.3, 10.4
GROWTH, DECAY, PERSISTENCE = 40.0, 64.0, 130.0
"""Hours after the begin at which the phases begin."""
PHASES = (("before", 0.0), ("growth", GROWTH), ("decay", DECAY), ("persistence", PERSISTENCE))


def expected(hours: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The logistic, which halves from DECAY on, above what was there before."""
    middle = (GROWTH + DECAY) / 2
    grown = PEAK / (1 + np.exp(-np.log(2) / DOUBLING * (hours - middle)))
    return BACKGROUND + grown * np.exp2(-np.maximum(hours - DECAY, 0) / HALVING)


def outbreak(
    hours: float = 168,
    *,
    each: str = "1h",
    begin: float = 0,
    gap: tuple[float, float] | None = (90, 93),
    phases: Sequence[tuple[str, float]] = PHASES,
    is_fitted: bool = True,
    lost: int = 0,
) -> Result:
    """From `begin` on so many hours, in bins of `each`; nothing was watched in `gap`."""
    width = {"1h": 1.0, "10m": 1 / 6, "1m": 1 / 60, "1d": 24.0}[each]
    at = begin + np.arange(round(hours / width)) * width
    at = at if gap is None else at[(at < gap[0]) | (at >= gap[1])]
    draw = np.random.default_rng(1)
    curve = expected(at + width / 2) * width
    sources = draw.poisson(curve)
    packets = draw.poisson(curve * 11)
    rows = [
        {"time": micros(hour), "seconds": width * 3600, "sources": int(count), "low": count - 2 * count**0.5,
         "high": count + 2 * count**0.5, "fitted": float(fit) if is_fitted else None, "packets": int(number),
         "packets_low": number - 2 * number**0.5, "packets_high": number + 2 * number**0.5}
        for hour, count, fit, number in zip(at.tolist(), sources.tolist(), curve.tolist(), packets.tolist(), strict=True)
    ]  # fmt: skip
    ends = [*(since for _, since in phases[1:]), begin + hours]
    found = [
        {"phase": name, "since": micros(since), "until": micros(until), "sources": 1.0, "packets": 1}
        for (name, since), until in zip(phases, ends, strict=True)
    ]
    columns = ANALYSES["outbreak"]
    us = [micros(hour) for hour in (begin, begin + hours)]
    return Result(
        "outbreak", "tcp dst port 135", *us, Darknet(65536.0, ("A/16",), lost), {"bin": each}, estimates(is_fitted),
        arrow.table(found, schema(columns.columns)), arrow.table(rows, schema(columns.series)),
    )  # fmt: skip


def estimates(is_fitted: bool) -> dict[str, Estimate]:
    """All of them, or none with a value."""
    known = {
        "doubling_time": (2.312, 2.2, 2.45, "h"), "max_growth": (40_000.0, 35_000.0, 44_000.0, "sources/h"),
        "half_life": (10.4, 9.9, 11.0, "h"), "decline_began": (*map(moment, (DECAY, DECAY - 2, DECAY + 3)), "UTC"),
        "sources": (300_000.0, 280_000.0, 320_000.0, "sources"),
    }  # fmt: skip
    return {
        name: Estimate(*(ends if is_fitted else (None,) * 3), unit, "as drawn")
        for name, (*ends, unit) in known.items()
    }  # fmt: skip


def micros(hour: float) -> int:
    return AUGUST_US + round(hour * HOUR_US)


def moment(hour: float) -> Any:
    return arrow.EPOCH + timedelta(microseconds=micros(hour))
