"""Durations as people write them, `30s`, `2.3h`, `90d`, in microseconds: one table of units."""

from __future__ import annotations

import re
from fractions import Fraction

SECOND_US = 1_000_000
HOUR_US, DAY_US = 3600 * SECOND_US, 86_400 * SECOND_US
WEEK_US = 7 * DAY_US
UNITS = {
    "ms": 1000, "s": SECOND_US, "m": 60 * SECOND_US, "h": HOUR_US, "d": DAY_US, "w": WEEK_US, "y": 365 * DAY_US,
}  # fmt: skip
LONGEST_US = 30_000 * UNITS["y"]
_WRITTEN = re.compile(r"([0-9]{1,1000}(?:\.[0-9]{1,1000})?)[ \t]*([a-z]*)")


def duration(text: str, units: str, example: str, bare: bool = False) -> Fraction:
    """A duration in microseconds, exactly. `units`: allowed ones, such as `h d w y`; `bare`: a number without a unit is
    seconds. Raises ValueError with the `example`."""
    match, allowed = _WRITTEN.fullmatch(text.strip()), units.split()
    if match is None or not (match[2] in allowed or (bare and not match[2])):
        number = "a number of seconds, or one" if bare else "a number"
        raise ValueError(f"expected {number} with {', '.join(allowed[:-1])} or {allowed[-1]}, such as {example}")
    return Fraction(match[1]) * UNITS[match[2] or "s"]


def seconds(text: str, units: str, example: str, bare: bool = False) -> float:
    """The same in seconds. Raises ValueError, also from 30,000 years on."""
    exact = duration(text, units, example, bare)
    if exact >= LONGEST_US:
        raise ValueError(f"expected less than 30,000 years, such as {example}")
    return float(exact / SECOND_US)


def parse_age(text: str) -> int:
    """`36h`, `90d`, `8w`, `2y` in microseconds. Raises ValueError."""
    try:
        return int(duration(text, "h d w y", "90d"))
    except ValueError as error:
        raise ValueError(f"age {text!r}: {error}") from None


def written_duration(micros: int) -> str:
    """In its largest whole unit up to days, such as `90m`; else in seconds."""
    for unit in ("d", "h", "m", "s"):
        if micros and micros % UNITS[unit] == 0:
            return f"{micros // UNITS[unit]:,}{unit}"
    return f"{micros / SECOND_US:g}s"
