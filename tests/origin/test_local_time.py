"""Local time of zones and countries."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

import pytest

from ims.origin.local_time import offset_of_country, offset_of_zone


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("zone", "moment", "hours"),
    [
        ("Europe/Berlin", "2026-03-29T00:59:59", 1),  # clocks are set at 01:00 UTC
        ("Europe/Berlin", "2026-03-29T01:00:00", 2),
        ("Europe/Berlin", "2026-10-25T00:59:59", 2),
        ("Europe/Berlin", "2026-10-25T01:00:00", 1),
        ("America/New_York", "2003-08-11T12:00:00", -4),
        ("America/New_York", "2003-12-11T12:00:00", -5),
        ("Asia/Kathmandu", "2026-01-01", 5.75),
        ("Australia/Lord_Howe", "2026-01-01", 11),
        ("Australia/Lord_Howe", "2026-07-01", 10.5),
        ("Etc/UTC", "2026-07-01", 0),
        ("US/Pacific", "2026-07-01", -7),  # an earlier name
    ],
)
def test_a_zone_is_ahead_as_its_law_says(zone: str, moment: str, hours: float) -> None:
    assert offset_of_zone(zone, us(moment)) == hours


@pytest.mark.parametrize(
    "zone", ["", "Mars/Phobos", "../../../../etc/passwd", "/etc/localtime", "zone.tab", "Europe", "\0"]
)
def test_what_is_no_zone_opens_no_file(zone: str) -> None:
    assert offset_of_zone(zone, us("2026-07-01")) is None


@pytest.mark.parametrize(
    ("country", "moment", "hours"),
    [
        ("DE", "2026-01-15", 1),  # of two zones with one law
        ("DE", "2026-07-15", 2),
        ("JP", "2026-07-15", 9),
        ("GB", "2026-07-15", 1),
        ("US", "2026-07-15", None),
        ("CN", "2026-07-15", None),  # Xinjiang has a time of its own
        ("MN", "2026-07-15", None),
        ("CY", "2017-06-15", 3),
        ("CY", "2017-01-15", None),  # its north kept summer time for a winter
        ("XA", "2026-07-15", None),
        ("", "2026-07-15", None),
    ],
)
def test_a_country_has_a_time_if_all_of_it_had(country: str, moment: str, hours: float | None) -> None:
    assert offset_of_country(country, us(moment)) == hours


def test_the_machine_s_own_database_isn_t_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be missing, or older."""
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    monkeypatch.setattr(zoneinfo, "ZoneInfo", None)
    assert offset_of_zone("Pacific/Chatham", us("2026-01-01")) == 13.75
