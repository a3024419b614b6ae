"""Many tests at once: how many of those that are named may be false."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def q_values(p_values: Array, tests: int) -> Array:
    """The least rate of false discovery at which each is named, of so many tests; of those that aren't given p is 1
    (Benjamini and Hochberg, J. R. Stat. Soc. B 57, 1995)."""
    order = np.argsort(p_values)
    scaled = p_values[order] * tests / np.arange(1, len(p_values) + 1)
    found = np.empty(len(p_values))
    found[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(found, 1.0)


def true_at_least(p_values: Array, tests: int, level: float) -> int:
    """How many of these are true at least, in `level` of all cases, of so many tests (Goeman, Meijer, Krebs and Solari,
    Biometrika 106, 2019; with the number of tests for that of true null hypotheses, which is never more)."""
    scaled = np.sort(p_values) * tests / (1 - level)
    need = np.arange(1, len(scaled) + 1)
    counted = np.searchsorted(scaled, need, side="right")
    return int(max(0, (1 - need + counted).max(initial=0)))
