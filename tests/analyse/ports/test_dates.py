"""Dates of changes, and the levels between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ims.analyse.ports.counts import Bins
from ims.analyse.ports.dates import changes, moment
from ims.settings.durations import DAY_US, HOUR_US

from .months import START_US, changed

BEGIN, END = START_US + int((40 * 24 + 12.5) * HOUR_US), START_US + int((90 * 24 + 6.25) * HOUR_US)


def test_hours_tell_dates_to_less_than_an_hour_and_days_to_some_hours() -> None:
    data = changed()
    [port] = data.named
    for one, within in ((data, 1.5), (replace(data, narrow=None), 8)):
        first, second = changes(one, port)
        assert abs(first.at - BEGIN) < within * HOUR_US
        assert abs(second.at - END) < within * HOUR_US
    assert first.after == second.before
    assert first.after.rate.value == pytest.approx(1000 * 760 / 3720 * 2.7, rel=0.05)
    assert first.step == pytest.approx(first.after.rate.value)


def test_a_change_in_a_gap_has_the_gap_s_ends() -> None:
    time = START_US + np.array([0, 1, 5, 6]) * DAY_US
    bins = Bins(time, np.full(4, 86400.0), np.ones(4), DAY_US)
    assert moment(bins, 2.0, -1) == START_US + 2 * DAY_US
    assert moment(bins, 2.0, 1) == START_US + 5 * DAY_US
    assert moment(bins, 2.5, 1) == START_US + 5 * DAY_US + DAY_US // 2
    assert moment(bins, 4.0, 1) == START_US + 7 * DAY_US
