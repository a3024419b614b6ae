"""A moment as people and programs write it: ISO 8601, or the time since the epoch, distinguished by its size.

A number's unit is clear: from 1973 to 2286 seconds have 9 or 10 digits, milliseconds 12 or 13, and so on. Eight digits
are a date in ISO 8601's basic form. Ambiguous numbers are refused: 202603040500 is a minute, or milliseconds in 1976.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ims.query.errors import QuestionError

EARLIEST, LATEST = 1900, 2399
"""Years. Other years are signs of a number in another unit, or of a typing error."""
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def _year_us(year: int) -> int:
    return (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


CALENDAR_US = _year_us(1), _year_us(9999)
"""A calendar's limits in microseconds: a store's times, by a capture's clock, may be outside of LATEST and EARLIEST."""
EARLIEST_US = _year_us(EARLIEST)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?[1-7])([T ]\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_NUMBER = re.compile(r"(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_UNITS = {9: 1_000_000_000, 10: 1_000_000_000, 12: 1_000_000, 13: 1_000_000, 15: 1000, 16: 1000, 18: 1, 19: 1}
"""Digits of a number -> nanoseconds of its unit."""


def moment(text: str) -> int:
    """Microseconds since the epoch, rounded down; naive is UTC. Raises QuestionError."""
    stripped = text.strip()
    found = _of_epoch(stripped) if _NUMBER.fullmatch(stripped) else _of_iso(stripped)
    if found is None:
        raise QuestionError(
            f"time {text!r}: expected ISO 8601, such as 2026-03-04, 2026-03-04T12:30 or 2026-03-04T12:30:00+01:00, "
            "or the time since 1970 in seconds (9 or 10 digits), milliseconds (12 or 13), microseconds (15 or 16) or "
            "nanoseconds (18 or 19)"
        )
    if not EARLIEST_US <= found < _year_us(LATEST + 1):
        raise QuestionError(f"time {text!r}: it lies outside the years {EARLIEST} to {LATEST}")
    return found


def _of_epoch(text: str) -> int | None:
    whole, _, fraction = text.partition(".")
    if whole == "0" and not fraction:
        return 0
    if len(whole) == 8 and not fraction:
        return _of_iso(text)
    unit = _UNITS.get(len(whole))
    if unit is None or (len(whole) == 12 and _of_iso(f"{whole[:8]}T{whole[8:]}") is not None):
        return None
    digits = len(str(unit)) - 1
    return (int(whole) * unit + int(fraction[:digits].ljust(digits, "0") or "0")) // 1000


def _of_iso(text: str) -> int | None:
    if _ISO.fullmatch(text) is None:
        return None
    try:
        parsed = datetime.fromisoformat(text.upper())
        return ((parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
