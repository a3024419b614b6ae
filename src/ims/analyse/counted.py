"""A number of each bin, as a role is shown it: exact, or within ends that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ims import arrow

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Counted:
    """A number by bin, and what holds it: float64 (n,) each; NaN where the role isn't shown it."""

    value: Array
    low: Array
    high: Array


def counted(evidence: Evidence, time: Array, width: int, metric: str) -> Counted:
    """A metric at the begins of bins: 0 where there is no row; with the ends of what may be, where noise is shown."""
    table = evidence.series(width, metric=metric)
    names = [name for name in ("value", "low", "high") if name in table.column_names]
    at = np.searchsorted(time, arrow.numbers(table.column("time")))
    found = {name: np.zeros(len(time)) for name in names}
    inside = at < len(time)
    inside[inside] = time[at[inside]] == arrow.numbers(table.column("time"))[inside]
    for name in names:
        found[name][at[inside]] = arrow.floats(table.column(name))[inside]
    if "low" not in found:
        return Counted(found["value"], found["value"], found["value"])
    return Counted(found["value"], found["low"], found["high"])
