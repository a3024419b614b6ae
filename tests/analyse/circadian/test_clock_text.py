"""Hours of the day as text."""

from __future__ import annotations

import pytest

from ims.analyse.circadian.clock_text import clock_interval, zone_name


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        ((5 + 1 / 6, 4 + 1 / 3, 6), "05:10 UTC (04:20 to 06:00)"),
        ((0.0, -1.5, 1.5), "00:00 UTC (22:30 to 01:30)"),
        ((23.999, 22, 25), "00:00 UTC (22:00 to 01:00)"),
        ((-0.5, -2, 26), "23:30 UTC (any hour)"),
        ((5.0, None, 6), "05:00 UTC"),
    ],
)
def test_hours_and_ends_are_those_of_a_clock(hours: tuple[float, float | None, float | None], text: str) -> None:
    assert clock_interval(*hours, "UTC") == text
    assert clock_interval(*hours) == text.replace(" UTC", "")


def test_zones_are_named_by_their_hours_and_minutes() -> None:
    zones = [zone_name(offset) for offset in (None, 0, 8, -6, 5.5, -3.5, 5.75)]
    assert zones == ["UTC", "UTC", "UTC+8", "UTC-6", "UTC+5:30", "UTC-3:30", "UTC+5:45"]
