"""What ports are counted in."""

from __future__ import annotations

from dataclasses import replace

from ims.analyse.ports.counts import Data
from ims.settings.durations import HOUR_US

from .months import bins


def test_a_level_lasts_three_bins_and_a_day() -> None:
    days = bins(10)
    assert len(days) == 10
    for width, fewest in ((24, 3), (6, 4), (1, 24), (48, 3)):
        data = Data(replace(days, width=width * HOUR_US), HOUR_US, 0.05, False, 1)
        assert data.fewest == fewest
