"""Hosts that did steps in order, as the analysis returns them: what each did is drawn, and the series counts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.result import Darknet, Estimate, Result, schema
from ims.query.bins import bin_width

from .outbreaks import HOUR_US, micros

MSBLAST, PENIS32, TEEKIDS = "5ae700c1dffb00cef492844a4db6cd69", "1e2a3f4c" * 4, "0badcafe" * 4
VARIANTS: Mapping[str | None, int] = {MSBLAST: 1200, TEEKIDS: 500, None: 250, PENIS32: 100}
"""Signatures, and how many hosts have each."""
OPTIONS = {
    "first": "tcp dst port 135 and payload", "then": ["tcp dst port 4444 and payload"], "within": "10m", "at": "address",
}  # fmt: skip


def chain(
    days: float = 7,
    variants: Mapping[str | None, int] = VARIANTS,
    *,
    each: str = "1h",
    gaps: Sequence[tuple[float, float]] = ((90, 93),),
    estimate: tuple[float | None, ...] = (2110.0, 2060.0, 2190.0),
) -> Result:
    """So many days, in bins of `each`. Each host does the steps one to four times, after a begin that is late in the
    first days as a worm's is; nothing was watched in `gaps`, hours from the begin on."""
    width = bin_width(each) / HOUR_US
    draw = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    done: dict[str | None, list[tuple[int, bool]]] = {name: [] for name in ("all", *variants)}
    for variant, number in variants.items():
        for _ in range(number):
            first = draw.normal(days * 8, days * 1.8)
            hours = np.sort(first + np.r_[0, draw.exponential(days * 2, draw.integers(0, 4))])
            hours = [at for at in hours.tolist() if 0 <= at < days * 24 and not any(a <= at < b for a, b in gaps)]
            bins = sorted({int(at / width) for at in hours})
            if not bins:
                continue
            host = f"198.51.{len(rows) // 256}.{len(rows) % 256}"
            ends = {"first": micros(hours[0]), "last": micros(hours[-1])}
            rows.append({"source": host, **ends, "variant": variant, "times": len(hours)})
            for name in ("all", variant):
                done[name] += [(at, at == bins[0]) for at in bins]
    watched = [
        at for at in range(round(days * 24 / width)) if not any(begin <= at * width < end for begin, end in gaps)
    ]  # fmt: skip
    series = [
        {"time": micros(at * width), "variant": name, "seconds": width * 3600, "sources": counts[at], "new": new[at]}
        for name, found in done.items()
        for counts, new in [_counted(found, round(days * 24 / width))]
        for at in watched
    ]
    analysis = ANALYSES["chain"]
    return Result(
        "chain", "not src net 10.0.0.0/8", micros(0), micros(days * 24), Darknet(65536.0, ("A/16",)),
        {"bin": each, **OPTIONS}, {"sources": Estimate(*estimate, "sources", "as drawn")},
        arrow.table(rows, schema(analysis.columns)), arrow.table(series, schema(analysis.series)),
    )  # fmt: skip


def _counted(found: Sequence[tuple[int, bool]], bins: int) -> tuple[list[int], list[int]]:
    """Hosts of each bin, and those that are new in it."""
    at, is_new = np.array([index for index, _ in found], np.int64), np.array([new for _, new in found], np.bool_)
    return np.bincount(at, minlength=bins).tolist(), np.bincount(at[is_new], minlength=bins).tolist()
