"""Hours of the day as text: 05:10, its interval, and the zone that they are in."""

from __future__ import annotations


def clock_interval(hour: float, low: float | None, high: float | None, zone: str = "") -> str:
    """05:10 UTC (04:20 to 06:00), with a zone: an hour of any day, and its interval, which may go over midnight; one of
    a day or more says nothing. Without both ends there is none."""
    at = f"{_clock(hour)} {zone}".rstrip()
    if low is None or high is None:
        return at
    return f"{at} (any hour)" if high - low >= 24 else f"{at} ({_clock(low)} to {_clock(high)})"


def zone_name(offset: float | None) -> str:
    """UTC, UTC+8, UTC-3:30, from hours; UTC where they aren't known."""
    minutes = round((offset or 0) * 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def _clock(hour: float) -> str:
    minutes = round(hour * 60) % (24 * 60)
    return f"{minutes // 60:02}:{minutes % 60:02}"
