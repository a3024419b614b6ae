"""Bins of time: how wide they are, and where they begin.

Bins begin at multiples of their width since 1970 (a Thursday), in UTC; whole weeks on a Monday (ISO 8601, 4.3.8).
"""

from __future__ import annotations

from ims.query.errors import QuestionError
from ims.settings.durations import DAY_US, WEEK_US, duration

MONDAY_US = 4 * DAY_US
"""The first Monday after 1970 began."""
LONGEST_US = 366 * DAY_US
UNITS = "ms, s, m (minutes), h, d or w (weeks, from Monday); a bare number is seconds"
_AGES_US = 1 << 57
"""4,500 years: added to times, so that none is negative, where engines' remainders differ."""


def bin_width(text: str, name: str = "bin") -> int:
    """`5m`, `1h`, `1d`, `30s` in microseconds; a bare number is seconds. Raises QuestionError about `name`."""
    try:
        width = 0 if "." in text else int(duration(text, "ms s m h d w", "5m", bare=True))
    except ValueError:
        width = 0
    if not 0 < width <= LONGEST_US:
        raise QuestionError(f"{name} {text!r}: expected a positive number and ms, s, m, h, d or w, such as 5m")
    return width


def bin_origin(width: int) -> int:
    """A time at which a bin of this width begins, in microseconds: 0, or for whole weeks a Monday."""
    return 0 if width % WEEK_US else MONDAY_US


def since_a_bin_began(width: int, origin: int) -> int:
    """What to add to a time so that the remainder by `width` is the time since its bin began: the sum is positive."""
    return -(-_AGES_US // width) * width - origin


def bin_begin(micros: int, width: int, origin: int) -> int:
    """Begin of the bin that a time is in."""
    return micros - (micros - origin) % width
