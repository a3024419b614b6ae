"""How much of a cross product and how many of Hypothesis's examples are tried: a commit tries a sample, `make test-all`
everything.

What only `make test-all` tries is marked `exhaustive`. Which these are is settled by the values' places in their lists,
so a commit's sample is the same everywhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import settings

exhaustive = pytest.mark.exhaustive
EVERYTHING = ("all", "fuzz")
"""Hypothesis's profiles under which nothing is left out (see conftest.py)."""


def examples(many: int, sample: int) -> int:
    """`many` examples for Hypothesis, of which a commit tries the first `sample`."""
    return many if settings.get_current_profile_name() in EVERYTHING else sample


def share(values: Sequence[Any], place: int, places: int) -> Sequence[Any]:
    """All values, of which a commit tries every `places`th from `place` on: so one that goes through another axis has
    each value tried once."""
    return pick(values, values[place % places :: places])


def pick(everything: Sequence[Any], sample: Sequence[Any]) -> Any:
    """`everything` for a test that goes through it by itself; in a commit, `sample`."""
    return everything if settings.get_current_profile_name() in EVERYTHING else sample


def sampled(values: Iterable[Any], sample: Iterable[Any]) -> list[Any]:
    """`values` for parametrize; a commit tries those that are in `sample` too."""
    kept = list(sample)
    found = list(values)
    assert all(value in found for value in kept), "the sample holds what isn't there"
    return [value if value in kept else pytest.param(value, marks=exhaustive) for value in found]


def every(step: int, values: Iterable[Any]) -> list[Any]:
    """`values` for parametrize; a commit tries every `step`th, beginning with the first."""
    return [value if n % step == 0 else pytest.param(value, marks=exhaustive) for n, value in enumerate(values)]


def crossed(*axes: Sequence[Any]) -> list[Any]:
    """The cross product of the axes for parametrize; a commit tries a cover, in which each value of each axis is."""
    longest = max(len(axis) for axis in axes)
    cover = {tuple(n % len(axis) for axis in axes) for n in range(longest)}
    return [
        pytest.param(
            *(axis[place] for axis, place in zip(axes, places, strict=True)),
            marks=() if places in cover else exhaustive,
        )
        for places in itertools.product(*(range(len(axis)) for axis in axes))
    ]
