"""A fitted curve: from middle to middle, broken at gaps, cut where a logarithmic axis ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.figures.curve import curve_lines, has_curve
from ims.figures.panel_bins import panel_bins
from ims.figures.ticks import linear_axis, log_axis

from .tables import BIN_US, MARCH_US, table, with_curve

LINEAR, LOG = linear_axis(0, 100, 5), log_axis(1, 100, 5)


def lines(
    values: Sequence[float | None], curve: Sequence[float | None], axis: Any, most: int = 100
) -> list[list[tuple[float, float]]]:
    """Points, each with its time in bins."""
    bins = panel_bins(with_curve(table({"a": values}), curve), ["a"], BIN_US, most)
    return [
        list(zip(((times - MARCH_US) / BIN_US).tolist(), found.tolist(), strict=True))
        for times, found in curve_lines(bins, "a", axis)
    ]


def test_it_goes_from_the_middle_of_a_bin_to_that_of_the_next() -> None:
    assert lines([1, 2, 3], [10, 20, 40], LINEAR) == [[(0.5, 10), (1.5, 20), (2.5, 40)]]
    assert lines([1, 2, 3], [10, 20, 40], LINEAR, most=2) == [[(1, 15), (2.5, 40)]]  # the last one is half as wide


def test_it_breaks_where_a_bin_was_not_watched_or_has_no_curve() -> None:
    assert lines([1, None, 3, 4, 5], [1, 2, 3, None, 5], LINEAR) == [[(0.5, 1)], [(2.5, 3)], [(4.5, 5)]]


def test_below_a_logarithmic_axis_nothing_is_drawn() -> None:
    [[first, second, third]] = lines([1, 2, 3], [0.01, 100, 10], LOG)
    assert first == pytest.approx((0.5 + 0.5, 1))  # halfway from 0.01 to 100
    assert (second, third) == ((1.5, 100), (2.5, 10))
    assert lines([1, 2], [1e-9, 0.5], LOG) == []
    [line] = lines([1, 2, 3], [0, 10, -5], LOG)
    assert [value for _, value in line] == [1, 10, 1]
    assert [at for at, _ in line] == pytest.approx([1.5, 1.5, 1.5], abs=0.01)


@given(st.lists(st.none() | st.floats(-1e300, 1e300), min_size=1, max_size=20))
def test_all_points_are_on_the_axis_and_in_order(curve: list[float | None]) -> None:
    for line in lines([1.0] * len(curve), curve, LOG):
        assert np.all(np.diff([at for at, _ in line]) >= 0)
        assert all(value >= LOG.low * (1 - 1e-9) for _, value in line)


def test_a_table_may_have_no_curve() -> None:
    bins = panel_bins(table({"a": [1, 2]}), ["a"], BIN_US, 9)
    assert not has_curve(bins)
    assert curve_lines(bins, "a", LINEAR) == []
    assert has_curve(panel_bins(with_curve(table({"a": [1, 2]}), [None, 3]), ["a"], BIN_US, 9))
