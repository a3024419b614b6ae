"""Ports that are named: rows, estimates and notes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from ims import arrow
from ims.analyse.ports.analysis import model
from ims.analyse.ports.counts import Data
from ims.settings.durations import DAY_US

from .months import bins, changed


def test_a_port_that_begins_and_ends_has_two_rows() -> None:
    found = model(changed())
    begin, end = arrow.rows(found.rows)
    assert (begin["protocol"], begin["port"]) == ("tcp", 1024)
    assert begin["changed_at_low"] <= datetime(2004, 2, 24, 12, 30, tzinfo=UTC) <= begin["changed_at_high"]
    assert end["changed_at_low"] <= datetime(2004, 4, 14, 6, 15, tzinfo=UTC) <= end["changed_at_high"]
    assert begin["before"] == end["after"] == 0
    assert begin["ratio"] is None and begin["ratio_low"] > 100 and begin["ratio_high"] is None
    assert end["ratio"] == 0 and end["ratio_high"] < 0.01
    assert begin["q_value"] < 1e-9


def test_estimates_have_intervals() -> None:
    found = model(changed()).estimates
    assert (found["ports"].value, found["ports"].low, found["ports"].high) == (1, 1, None)
    greatest = found["greatest_change"]
    assert isinstance(greatest.low, datetime) and isinstance(greatest.high, datetime)
    assert greatest.high - greatest.low < timedelta(hours=3)


def test_the_series_has_levels_but_in_bins_of_two() -> None:
    series = model(changed()).series
    level = series.column("level").to_pylist()
    assert [at for at, value in enumerate(level) if value is None] == [40, 90]
    assert level[10] == 0 and level[60] > 100


def test_what_is_missing_is_a_note() -> None:
    few = model(Data(bins(5), DAY_US, 0.05, False, 100))
    assert not few.estimates and any("too short to tell two levels" in note for note in few.notes)
    none = model(Data(bins(50), DAY_US, 0.05, False, 0))
    assert not none.estimates and any("nothing to estimate from" in note for note in none.notes)
    quiet = model(Data(bins(50), DAY_US, 0.05, False, 100, unconfirmed=2, omitted=1))
    assert quiet.estimates["ports"].value == 0 and "greatest_change" not in quiet.estimates
    assert any("2 ports" in note for note in quiet.notes)
    wide = replace(Data(bins(50), DAY_US, 0.05, False, 100), asked=DAY_US // 2)
    assert model(wide).options == {"bin": "1d"}


def test_the_same_data_give_the_same_answer() -> None:
    assert np.all([model(changed()).rows.equals(model(changed()).rows)])
