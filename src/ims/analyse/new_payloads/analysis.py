"""Payloads never seen before, by time; where else each was seen since, and how soon (paper, section 2.3).

What is new is decided where packets are (query/plans/sightings.py). Here new payloads are divided by packets and by the
darknet's size, and the times to the second and the third place are estimated with those that nobody could see.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims import arrow
from ims.analyse.execution import Finding, listed
from ims.analyse.intervals import Interval, of_mean
from ims.analyse.new_payloads.data import Data, data
from ims.analyse.new_payloads.delays import FOLLOWERS, span, times_of
from ims.analyse.new_payloads.figure import figure, plot
from ims.analyse.new_payloads.listing import listed_payloads
from ims.analyse.new_payloads.series import series_table
from ims.analyse.new_payloads.survival import Survival, survival
from ims.analyse.question import LEVEL
from ims.analyse.questions.new_payloads import PER_24
from ims.analyse.result import Estimate
from ims.settings.durations import DAY_US, SECOND_US, UNITS, written_duration
from ims.text import quantity

__all__ = ["Data", "data", "figure", "model", "plot"]
Array = np.ndarray[Any, Any]
DAY_SECONDS = DAY_US / SECOND_US
_RATE = "mean of the bins, a ratio estimator, with their long-run variance"
_SHARE = "Kaplan and Meier, by the logarithm of the logarithm, with the long-run variance of bins of first arrivals"
_MEDIAN = "half of those that come by then, of Kaplan and Meier's share"


def model(data: Data) -> Finding:
    """How many are new, where they came, and how soon."""
    notes = [_of_past(data)]
    first = _bin_of(data)
    known = first >= 0
    notes += _of_joined(data, known)
    new = np.bincount(first[known], arrow.floats(data.novelty.column("payloads"))[known], len(data.time))
    told = data.is_known(data.place, data.time)
    rows, of_rows = listed_payloads(data)
    if data.range.is_short:
        return Finding({}, rows, series_table(data, new, told, {}), (*notes, *of_rows))
    estimates, missing = _rates(data, new, told)
    curves = {which: survival(times_of(data, which, known)) for which in FOLLOWERS}
    more, why = _spread(data, curves, float(new.sum()))
    return Finding(estimates | more, rows, series_table(data, new, told, curves), (*notes, *missing, *why, *of_rows))


def _of_past(data: Data) -> str:
    found = data.range
    began, since = (_moment(at) for at in (found.began, found.since))
    if found.is_short:
        return (
            f"nothing is known of before {began}, and the range ends before, or just after, --history is over: rows "
            "and series have what came first since then, which may be old, so nothing is estimated; "
            f"{_shorter(found.until - found.began)}"
        )
    if found.since < found.began + 2 * found.history:
        return f"never seen is since {began}, of before which nothing is known; so payloads count from {since} on"
    return f"never seen is since {began}, of before which nothing is known"


def _shorter(known: int) -> str:
    """What to do where so many microseconds are known in all."""
    for unit in (UNITS["h"], UNITS["m"], SECOND_US):
        if known >= 3 * unit:
            history = written_duration(known // 3 // unit * unit)
            return f"--history {history} would count as new what comes first later than {history} after that"
    return "a later --until may have more"


def _moment(at: int) -> str:
    return f"{np.datetime64(at, 'us').astype('datetime64[m]')}".replace("T", " ")


def _bin_of(data: Data) -> Array:
    """Which watched bin each row of `novelty` is in, -1 for those of a place that had just joined."""
    at = {key: number for number, key in enumerate(zip(data.time.tolist(), data.place.tolist(), strict=True))}
    time, place = arrow.numbers(data.novelty.column("time")), np.array(data.novelty.column("place").to_pylist(), object)
    found = np.array([at.get(key, -1) for key in zip(time.tolist(), place.tolist(), strict=True)], np.int64)
    return np.where(data.is_known(place, time), found, -1)


def _of_joined(data: Data, known: Array) -> list[str]:
    lost = int(arrow.floats(data.novelty.column("payloads"))[~known].sum())
    if not lost:
        return []
    place = np.array(data.novelty.column("place").to_pylist(), object)
    names = sorted(set(place[~known].tolist()))
    return [
        f"{quantity(lost, 'payload')} came first to a place in its first {written_duration(data.range.history)}, and "
        f"may be old there, so they don't count: {listed(names)}"
    ]


def _rates(data: Data, new: Array, told: Array) -> tuple[dict[str, Estimate], list[str]]:
    """Of packets with payload, and by the darknet's size."""
    _, at = np.unique(data.time[told], return_inverse=True)
    bins = int(at.max()) + 1 if len(at) else 0
    came, packets = (np.bincount(at, each[told], bins) for each in (new, data.packets))
    exposure = np.bincount(at, (data.addresses / 256 * data.seconds / DAY_SECONDS)[told], bins)
    if not bins or exposure.sum() <= 0:
        return {}, ["no place was watched long enough to say what is new there"]
    estimates = {"new_rate": _estimate(of_mean(came, exposure), PER_24, _RATE)}
    if packets.sum() <= 0:
        return estimates, ["no packet had a payload, so none was new"]
    share = of_mean(came, packets)
    share = Interval(share.value, share.low, min(share.high, 1.0))
    return estimates | {"new_share": _estimate(share, "of packets with payload", _RATE)}, []


def _estimate(interval: Interval, unit: str, method: str) -> Estimate:
    low, high = (float(end) if np.isfinite(end) else None for end in interval[1:])
    return Estimate(float(interval.value), low, high, unit, method)


def _spread(data: Data, curves: dict[str, Survival], total: float) -> tuple[dict[str, Estimate], list[str]]:
    """How many come to a second place, and how soon; the same of a third."""
    if not total:
        return {}, ["no payload was new"] if data.packets.sum() else []
    if len(data.watch.periods) < 2:
        return {}, [f"a single {data.by} was watched, so it can't be told where payloads come next"]
    estimates, notes = {}, []
    second = curves["second"]
    share = second.of_share() or _none_came(second, total)
    estimates["second_share"] = _estimate(share, "of new payloads", _SHARE)
    came = {which: int(curve.came.sum()) for which, curve in curves.items()}
    notes.append(
        f"within {span(second.horizon)}, for which a tenth of them could be followed, {came['second']:,} of "
        f"{int(total):,} new payloads were seen to come to a second {data.by}, and {came['third']:,} to a third"
    )
    if not came["second"]:
        notes.append("the upper end of their share takes payloads for independent; those of one campaign tell less")
    if untold := [which for which, curve in curves.items() if came[which] and curve.excess is None]:
        notes.append(
            f"those that came to a {' or '.join(untold)} {data.by} began in too few bins to tell payloads of a "
            "campaign, which come together, from others: so what is said of them has no interval"
        )
    for which, curve in curves.items():
        median = curve.median()
        if median is None:
            notes.append(f"fewer than six came to a {which} {data.by}, so no median delay")
        else:
            estimates[f"{which}_delay"] = _estimate(median, "s", _MEDIAN)
    return estimates, notes


def _none_came(curve: Survival, total: float) -> Interval:
    """Nobody came: what share would give none in 2.5 % of all cases, of those who could be followed to the horizon."""
    followed = max(total * 0.1, 1.0)
    return Interval(0.0, 0.0, float(1 - ((1 - LEVEL) / 2) ** (1 / followed)))
