"""What the figure is drawn from."""

from __future__ import annotations

import numpy as np

from ims.analyse.intervals import of_counts
from ims.analyse.new_payloads.delays import times_of
from ims.analyse.new_payloads.series import series_table
from ims.analyse.new_payloads.survival import survival

from .known import known


def test_bins_have_the_interval_of_their_count_and_places_that_joined_none() -> None:
    data = known([(2, "a", None, None, None, None, 7, 7)], hours=4)
    new, told = np.array([0.0, 7, 0, 0, 0, 0]), np.array([True, True, True, False, True, True])
    rows = series_table(data, new, told, {}).to_pylist()
    assert [row["place"] for row in rows] == [None] * 3 + ["a"] * 3 + ["b"] * 3
    assert [row["new"] for row in rows] == [0, 7, 0, 0, 7, 0, None, 0, 0]
    low, high = of_counts(np.array([7.0]))
    assert (rows[1]["low"], rows[1]["high"]) == (low[0], high[0]) and rows[6]["low"] is None
    assert [row["packets"] for row in rows[:3]] == [10, 20, 20]


def test_the_share_by_delay_is_the_curve_s() -> None:
    data = known([(2, "a", "b", 90, None, None, 3, 9), (4, "b", None, None, None, None, 5, 5)])
    curve = survival(times_of(data, "second", np.ones(2, np.bool_)))
    rows = [row for row in series_table(data, np.zeros(94), np.ones(94, np.bool_), {"second": curve}).to_pylist()
            if row["part"] == "second"]  # fmt: skip
    assert rows[0]["delay"] == 1 and round(rows[-1]["delay"]) == curve.horizon
    assert {row["share"] for row in rows if row["delay"] < 90} == {0}
    assert {row["share"] for row in rows if row["delay"] > 91} == {1 - curve.left[0]} == {3 / 8}
