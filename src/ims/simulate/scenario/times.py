"""Durations, times and rates as people write them in a scenario: `2.3h`, `7d`, `+30h`, `2003-08-11T16:00:00Z`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BeforeValidator

from ims.settings.durations import SECOND_US, duration

SHORTEST, LONGEST = 1e-6, 1e9
"""Seconds; 1e9 are 31 years, and nanoseconds of several such still fit 63 bits."""
EARLIEST, LATEST = dt.datetime(1980, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
A_TIME = "expected a time such as 2003-08-11T16:00:00Z"


def seconds(value: Any) -> float:
    """`2.3h` in seconds. Raises ValueError."""
    exact = duration(value if isinstance(value, str) else "", "ms s m h d w", "2.3h") / SECOND_US
    if exact > LONGEST:
        raise ValueError("expected at most 11000d")
    return float(exact)


def length(value: Any) -> float:
    """A duration in seconds, at least SHORTEST. Raises ValueError."""
    number = seconds(value)
    if number < SHORTEST:
        raise ValueError("expected at least 0.001ms")
    return number


def date(value: Any) -> dt.datetime:
    """A time in UTC. Raises ValueError."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(A_TIME) from None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if not isinstance(value, dt.datetime):
        raise ValueError(A_TIME)
    if not EARLIEST.year <= value.year < LATEST.year:  # first: at the ends of the calendar, zones overflow
        raise ValueError(f"expected a time between {EARLIEST.year} and {LATEST.year}")
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def moment(value: Any) -> dt.datetime | float:
    """A time in UTC, or seconds from the start on. Raises ValueError."""
    if isinstance(value, str) and value.strip().startswith("+"):
        return seconds(value.strip()[1:])
    try:
        return date(value)
    except ValueError as error:
        raise ValueError(str(error).replace(A_TIME, f"{A_TIME}, or one from the start on, such as +30h")) from None


Duration = Annotated[float, BeforeValidator(length)]
"""Seconds."""
Date = Annotated[dt.datetime, BeforeValidator(date)]
"""A time."""
Moment = Annotated[dt.datetime | float, BeforeValidator(moment)]
"""A time, or seconds from the scenario's start on."""
