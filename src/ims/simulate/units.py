"""Durations, times and rates as people write them in a scenario: `2.3h`, `7d`, `+30h`, `2003-08-11T16:00:00Z`."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def seconds(value: Any) -> float:
    """`2.3h` in seconds. Raises ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("wanted a number with ms, s, m, h, d or w, such as 2.3h")
    return float(found[1]) * SECONDS[found[2]]


def moment(value: Any) -> Any:
    """A time in UTC, or seconds from the start on. Raises ValueError."""
    if isinstance(value, str) and value.strip().startswith("+"):
        return seconds(value.strip()[1:])
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(
                "wanted a time such as 2003-08-11T16:00:00Z, or one from the start on, such as +30h"
            ) from None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    raise ValueError("wanted a time such as 2003-08-11T16:00:00Z, or one from the start on, such as +30h")


Duration = Annotated[float, BeforeValidator(seconds), Field(gt=0)]
"""Seconds."""
Moment = Annotated[dt.datetime | float, BeforeValidator(moment)]
"""A time, or seconds from the scenario's start on."""
