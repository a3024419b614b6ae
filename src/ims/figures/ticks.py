"""Ticks of axes: round values, and round moments in UTC whatever the machine's time zone and language are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from ims.arrow import EPOCH
from ims.settings.durations import DAY_US, HOUR_US, SECOND_US

MINUTE_US = 60 * SECOND_US
STEPS_US = (
    *(number * 10**power for power in range(6) for number in (1, 2, 5)),
    *(number * SECOND_US for number in (1, 2, 5, 10, 15, 30)),
    *(number * MINUTE_US for number in (1, 2, 5, 10, 15, 30)),
    *(number * HOUR_US for number in (1, 2, 3, 6, 12)),
    *(number * DAY_US for number in (1, 2, 7, 14)),
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FIRST_MONDAY_US = 4 * DAY_US
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class TimeTick:
    """A moment and its label: the second line is empty, or says what changed: day, year."""

    time_us: int
    label: str
    second: str = ""


def time_ticks(since_us: int, until_us: int, most: int) -> list[TimeTick]:
    """At most so many round moments of a range, about evenly spaced."""
    if until_us <= since_us or most < 1:
        return []
    for step in STEPS_US:
        if (until_us - since_us) // step < most:
            origin = FIRST_MONDAY_US if step % (7 * DAY_US) == 0 else 0
            first = since_us + (origin - since_us) % step
            return _labelled(list(range(first, until_us + 1, step))[:most], step)
    months = _months(since_us, until_us)
    for number in (1, 2, 3, 6, *(12 * years * 10**power for power in range(6) for years in (1, 2, 5))):
        found = [month for month in months if month % number == 0]
        if len(found) <= most:
            return _labelled([_month_us(month) for month in found], 30 * number * DAY_US)
    return []


def _months(since_us: int, until_us: int) -> list[int]:
    first, last = (EPOCH + timedelta(microseconds=us) for us in (since_us, until_us))
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [month for month in numbers if since_us <= _month_us(month) <= until_us]


def _month_us(month: int) -> int:
    return (datetime(month // 12, month % 12 + 1, 1, tzinfo=EPOCH.tzinfo) - EPOCH) // timedelta(microseconds=1)


def _labelled(times: list[int], step: int) -> list[TimeTick]:
    found: list[TimeTick] = []
    last: datetime | None = None
    for time_us in times:
        at = EPOCH + timedelta(microseconds=time_us)
        found.append(TimeTick(time_us, *_label(at, last, step)))
        last = at
    return found


def _label(at: datetime, last: datetime | None, step: int) -> tuple[str, str]:
    day, is_new_year = f"{at.day} {MONTHS[at.month - 1]}", last is None or last.year != at.year
    if step < DAY_US:
        second = f"{day} {at.year}" if is_new_year else day if last is not None and last.date() != at.date() else ""
        clock = f"{at.hour:02}:{at.minute:02}"
        if step < MINUTE_US:
            clock += f":{at.second:02}"
        if step < SECOND_US:
            clock += f".{at.microsecond:06}".rstrip("0").rstrip(".")
        return clock, second
    if step < 28 * DAY_US:
        return day, str(at.year) if is_new_year else ""
    if step < 360 * DAY_US:
        return MONTHS[at.month - 1], str(at.year) if is_new_year else ""
    return str(at.year), ""


@dataclass(frozen=True)
class ValueAxis:
    """An axis of values: its ends and its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    is_log: bool = False

    def position(self, value: float) -> float:
        """Where a value is drawn, 0 at the lower end and 1 at the upper one: values beyond an end are drawn at it."""
        at = min(max(value, self.low), self.high)
        if self.is_log:
            return (math.log(at) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (at - self.low) / (self.high - self.low)


def linear_axis(low: float, high: float, most: int) -> ValueAxis:
    """An axis from 0, or from below it, to a round value above `high`, with about so many ticks."""
    low, high = min(low, 0.0), max(high, 0.0)
    if high <= low:
        high = 1.0
    if high - low < 1e-300:  # no double has a part of it
        return ValueAxis(low, low + 1, ())
    step = _round_up((high - low) / most)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    return ValueAxis(first * step, last * step, tuple(number * step for number in range(first, last + 1)))


def log_axis(low: float, high: float, most: int) -> ValueAxis:
    """An axis from a round value below `low`, which is above 0, to one above `high`. Ticks are at 1, 2, 5 or, where
    those are more than `most`, at powers of ten."""
    low, high = max(low, 1e-300), min(max(high, low, 1e-300), 1e300)
    bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
    marks = [number * 10.0**power for power in range(bottom - 1, top + 1) for number in (1, 2, 5)]
    begin = max(index for index, mark in enumerate(marks) if mark <= low * (1 + 1e-9))
    end = max(begin + 1, min(index for index, mark in enumerate(marks) if mark >= high * (1 - 1e-9)))
    inside, powers = marks[begin : end + 1], marks[begin : end + 1][-begin % 3 :: 3]
    if len(inside) > most:
        inside = powers[:: -(-len(powers) // most)] if len(powers) > 1 else inside[::2]
    return ValueAxis(marks[begin], marks[end], tuple(inside), True)


def _round_up(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(number * power for number in (1, 2, 5, 10, 20) if number * power >= step * (1 - 1e-9))


def value_label(value: float) -> str:
    """A tick's value, short: 0, 0.05, 20, 1.5k, 2M."""
    size = abs(value)
    for factor, prefix in PREFIXES:
        if factor <= size * (1 + 1e-9) < 1e15:
            return f"{value / factor:.4g}{prefix}"
    if value and not 1e-3 <= size < 1e15:
        number, _, power = f"{value:.3g}".partition("e")
        return f"{number}e{int(power)}" if power else number
    return f"{value:.4g}"
