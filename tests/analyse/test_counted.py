"""A metric stands at the begins of bins, whatever rows an answer has."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from ims.analyse.counted import counted

BINS = np.array([0, 10, 20, 40])


def answered(**columns: list[float | None]) -> SimpleNamespace:
    times = pa.array([10, 20, 30, 50], pa.timestamp("us", "UTC"))
    table = pa.table({"time": times, **{name: pa.array(values, pa.float64()) for name, values in columns.items()}})
    return SimpleNamespace(series=lambda width, metric: table)


def test_a_bin_without_a_row_is_empty_and_a_row_without_a_bin_is_left_out() -> None:
    found = counted(answered(value=[1, 2, 3, 4]), BINS, 10, "sources")  # type: ignore[arg-type]
    assert found.value.tolist() == found.low.tolist() == found.high.tolist() == [0, 1, 2, 0]


def test_what_is_not_shown_is_not_known_and_noise_has_its_ends() -> None:
    shown = answered(value=[1, None, 3, 4], low=[0, None, 2, 3], high=[5, None, 6, 7])
    found = counted(shown, BINS, 10, "sources")  # type: ignore[arg-type]
    assert found.value == pytest.approx([0, 1, np.nan, 0], nan_ok=True)
    assert found.low == pytest.approx([0, 0, np.nan, 0], nan_ok=True)
    assert found.high == pytest.approx([0, 5, np.nan, 0], nan_ok=True)
