"""Bins on one grid: gaps stay gaps, and several bins together are the mean, the lowest and the highest."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.figures.panel_bins import band_note, edge_note, panel_bins, panel_names, value_axis

from .tables import BIN_US, MARCH_US, SCHEMA, table, with_curve

VALUES = st.lists(st.none() | st.floats(0, 1e9), max_size=40)


@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.integers(1, 12))
def test_pooling_agrees_with_plain_python(panels: dict[str, list[float | None]], most: int) -> None:
    bins = panel_bins(table(panels), ["a", "b", "d"], BIN_US, most)
    count = max((len(panels.get(name, ())) for name in "abd"), default=0)
    together = max(1, -(-count // most))
    assert (bins.together, bins.count) == (together, -(-count // together))
    assert bins.until_us - bins.since_us == count * BIN_US
    for name in "abd":
        values = list(panels.get(name, ()))
        groups = [[v for v in values[at : at + together] if v is not None] for at in range(0, count, together)]
        assert bins.panels[name].index.tolist() == [number for number, group in enumerate(groups) if group]
        groups = [group for group in groups if group]
        assert bins.panels[name].value == pytest.approx([sum(group) / len(group) for group in groups])
        assert bins.panels[name].low == pytest.approx([max(min(group) - 0.5, 0) for group in groups])
        assert bins.panels[name].high == pytest.approx([max(group) + 0.5 for group in groups])


def test_gaps_are_what_has_no_row_or_no_value() -> None:
    bins = panel_bins(table({"a": [None, 1, 2, None, None, 3], "b": [1] * 8}), ["a", "b"], BIN_US, 100)
    assert bins.gaps("a") == [(0, 1), (3, 5), (6, 8)]
    assert bins.gaps("b") == []
    assert bins.has_gaps
    assert [bins.panels["a"].index[run].tolist() for run in bins.panels["a"].runs()] == [[1, 2], [5]]


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), 1.7e308, None])
def test_what_is_no_number_counts_as_not_watched(number: float | None) -> None:
    bins = panel_bins(table({"a": [1, number, 3]}, band=None), ["a"], BIN_US, 100)
    assert bins.panels["a"].index.tolist() == [0, 2]
    assert bins.gaps("a") == [(1, 2)]


def test_a_band_of_several_bins_is_over_those_without_a_band_too() -> None:
    bins = panel_bins(table({"a": [1, 5, 3, 7]}, band=None), ["a"], BIN_US, 2)
    assert bins.panels["a"].value.tolist() == [3, 5]
    assert bins.panels["a"].low.tolist() == [1, 3]
    assert bins.panels["a"].high.tolist() == [5, 7]
    assert band_note(bins, "95 %") == "drawn by 2 bins together; band: from the lowest to the highest"


def test_the_largest_values_have_a_mean() -> None:
    assert panel_bins(table({"a": [1e300] * 4}, band=None), ["a"], BIN_US, 1).panels["a"].value == [1e300]


def test_rows_need_no_order_and_may_stand_in_several_chunks() -> None:
    made = table({"a": [1, 2, 3, 4], "b": [5, 6, 7, 8]})
    mixed = pa.concat_tables([made.slice(5), made.slice(0, 3), made.slice(3, 2)])
    one, other = (panel_bins(each, ["b", "a"], BIN_US, 100) for each in (made, mixed))
    assert [one.panels[name].value.tolist() for name in "ab"] == [other.panels[name].value.tolist() for name in "ab"]
    assert list(one.panels) == ["b", "a"]


def test_a_long_range_with_few_rows_takes_no_memory() -> None:
    made = table({"a": [1, 2]}, bin_us=10**15)
    bins = panel_bins(made, ["a"], 1, 600)
    assert bins.count <= 600
    assert bins.panels["a"].value.tolist() == [1, 2]


def test_a_table_without_rows_has_no_bins_and_a_bin_of_nothing_is_refused() -> None:
    bins = panel_bins(SCHEMA.empty_table(), ["a"], BIN_US, 10)
    assert (bins.count, bins.span_us, bins.has_gaps) == (0, 1, False)
    assert value_axis(bins, True, 5).is_log is False
    with pytest.raises(ValueError, match="a bin of 0 us; expected one above 0"):
        panel_bins(SCHEMA.empty_table(), ["a"], 0, 10)


def test_zeros_stand_at_the_lower_edge_of_a_logarithmic_axis_and_a_note_says_so() -> None:
    bins = panel_bins(table({"a": [0, 1, 10]}, band=None), ["a"], BIN_US, 100)
    axis = value_axis(bins, True, 5)
    assert 0 < axis.low < 1
    assert axis.position(0) == 0 < axis.position(1)
    assert edge_note(bins, axis) == "logarithmic scale: zeros are drawn at the lower edge"
    assert edge_note(bins, value_axis(bins, False, 5)) == ""


def test_a_band_that_reaches_far_down_moves_the_edge_by_ten_at_most() -> None:
    made = table({"a": [1, 10]}).set_column(3, "low", pa.array([1e-9, 5.0]))
    bins = panel_bins(made, ["a"], BIN_US, 100)
    axis = value_axis(bins, True, 5)
    assert axis.low == pytest.approx(0.1)
    assert edge_note(bins, axis) == "logarithmic scale: ends of bands below 0.1 are drawn at the lower edge"


def test_bins_begin_where_the_table_says() -> None:
    bins = panel_bins(table({"a": [1, 2, 3]}), ["a"], BIN_US, 2)
    assert bins.time_us(np.array([0, 1, 2])).tolist() == [MARCH_US, MARCH_US + 2 * BIN_US, MARCH_US + 3 * BIN_US]


def test_the_curve_of_several_bins_together_is_their_mean() -> None:
    made = with_curve(table({"a": [1, 2, None, 4, 5, 6]}), [10, 20, 30, None, None, None])
    assert panel_bins(made, ["a"], BIN_US, 3).panels["a"].curve.tolist() == pytest.approx(
        [15, np.nan, np.nan], nan_ok=True
    )
    assert panel_bins(made, ["a"], BIN_US, 9).panels["a"].curve[:2].tolist() == [10, 20]
    assert np.isnan(panel_bins(table({"a": [1, 2]}), ["a"], BIN_US, 9).panels["a"].curve).all()


def test_a_curve_is_in_the_range_of_the_axis_but_moves_no_lower_edge_of_a_logarithmic_one() -> None:
    bins = panel_bins(with_curve(table({"a": [10, 20, 30]}, band=None), [1e-9, 500, -100]), ["a"], BIN_US, 100)
    axis = value_axis(bins, True, 5)
    assert (axis.low, axis.high) == (10, 500)
    assert edge_note(bins, axis) == ""
    axis = value_axis(bins, False, 5)
    assert axis.low <= -100
    assert axis.high >= 500


def test_panels_without_a_name_or_with_one_twice_are_refused() -> None:
    assert panel_names([("b", "above b"), ("a", "")]) == ["b", "a"]
    for panels in ([], [("a", ""), ("a", "b")]):
        with pytest.raises(ValueError, match="expected at least one, none twice"):
            panel_names(panels)
