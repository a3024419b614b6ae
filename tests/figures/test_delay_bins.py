"""Delays on a logarithmic axis: each value holds until the next."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.figures.delay_bins import CELLS_A_DECADE, delay_bins, delay_cell, delay_ticks

NAMES = ["delay", "panel", "value", "low", "high"]


def table(rows: list[tuple[float, str, float]]) -> pa.Table:
    columns = [*zip(*rows, strict=True)] if rows else [(), (), ()]
    kinds = (pa.float64(), pa.string(), pa.float64())
    found = [pa.array(each, kind) for each, kind in zip(columns, kinds, strict=True)]
    return pa.table([*found, found[2], found[2]], names=NAMES)


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(0, 1)), min_size=1, max_size=20, unique_by=lambda pair: pair[0]))
def test_a_cell_has_the_value_that_held_at_its_begin(points: list[tuple[float, float]]) -> None:
    bins = delay_bins(table([(delay, "x", value) for delay, value in points]), ["x"], 10_000)
    for index, value in zip(bins.panels["x"].index.tolist(), bins.panels["x"].value.tolist(), strict=True):
        begin = 10 ** (index / CELLS_A_DECADE) * (1 + 1e-8)
        assert value == max((pair for pair in points if pair[0] <= begin), key=lambda pair: pair[0])[1]


def test_a_panel_ends_with_its_last_row_and_none_has_no_bins() -> None:
    bins = delay_bins(table([(1, "x", 0.0), (100, "x", 0.5), (1, "y", 0.0), (1000, "y", 0.7)]), ["x", "y", "z"], 10_000)
    assert bins.panels["x"].index.max() == 2 * CELLS_A_DECADE and len(bins.panels["z"].index) == 0
    assert delay_bins(table([]), ["x"], 100).count == 0


@pytest.mark.parametrize(("last", "most", "labels"), [
    (90_000.0, 9, ["1 s", "10 s", "1 min", "10 min", "1 h", "6 h", "1 d"]),
    (90_000.0, 4, ["1 s", "1 min", "1 h", "1 d"]), (5.0, 9, ["1 s"]),
])  # fmt: skip
def test_ticks_have_names(last: float, most: int, labels: list[str]) -> None:
    bins = delay_bins(table([(1, "x", 0.0), (last, "x", 0.1)]), ["x"], 10_000)
    ticks = delay_ticks(bins, most)
    assert [label for _, label in ticks] == labels and ticks[0][0] == delay_cell(1) == 0
