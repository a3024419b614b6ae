"""Moments that panels over time mark, and where their texts stand: like flags, none over another one or its pole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

MOST_ROWS = 3
"""Rows of texts."""


@dataclass(frozen=True)
class Mark:
    """A moment in microseconds, and a short text. `low_us`, `high_us`: its interval; an end that is None isn't bounded,
    and there is no interval if both are. `period_us`: after which all repeats, as the hours of a day do; 0: never."""

    time_us: int
    text: str
    low_us: int | None = None
    high_us: int | None = None
    period_us: int = 0

    def interval(self, since_us: int, until_us: int) -> tuple[int, int] | None:
        """What of its interval is in a range; None where nothing is."""
        if self.low_us is None and self.high_us is None:
            return None
        low = since_us if self.low_us is None else max(self.low_us, since_us)
        high = until_us if self.high_us is None else min(self.high_us, until_us)
        return (low, high) if low < high else None

    def intervals(self, since_us: int, until_us: int) -> list[tuple[int, int]]:
        """The same of each repetition: two parts where it goes over the end of a period."""
        if not self.period_us or self.low_us is None or self.high_us is None:
            found = self.interval(since_us, until_us)
            return [] if found is None else [found]
        if self.high_us - self.low_us >= self.period_us:
            return [(since_us, until_us)]
        first, last = -((self.high_us - since_us) // self.period_us), (until_us - self.low_us) // self.period_us
        moved = (number * self.period_us for number in range(first, last + 1))
        parts = (replace(self, low_us=self.low_us + by, high_us=self.high_us + by) for by in moved)
        return [part for part in (each.interval(since_us, until_us) for each in parts) if part is not None]


@dataclass(frozen=True)
class Flag:
    """A text beside its pole. `x`: of the pole; `begin`, `end`: of the text; `row`: 0 is next to the panel, and a pole
    passes all rows before its own."""

    x: int
    text: str
    begin: float
    end: float
    row: int = 0


def marks_within(marks: Iterable[Mark], since_us: int, until_us: int) -> list[Mark]:
    """Those in a range, both ends included, in order."""
    return sorted((mark for mark in marks if since_us <= mark.time_us <= until_us), key=lambda mark: mark.time_us)


def flags(
    texts: Iterable[tuple[int, str]], room: int, width: Callable[[str], float], *, gap: float, beside: float
) -> list[Flag]:
    """Where texts stand, each given with its pole's position: in whole pixels of a picture `room` wide, or in columns.
    `width` measures a text; `gap` is the least room between texts of a row, `beside` that between pole and text.

    Texts of one position become one. Those right of their poles rise from the last one to the first, those left of them
    from the first to the last, so that no pole crosses a text. What has no room in MOST_ROWS rows is left out: the
    earlier text of those right of their poles, the later one of those left of them.
    """
    by_place: dict[int, str] = {}
    for x, text in texts:
        by_place[x] = f"{by_place[x]}, {text}" if x in by_place else text
    whole = [(x, text, width(text)) for x, text in sorted(by_place.items()) if text]
    right = [Flag(x, text, x + beside, x + beside + size) for x, text, size in whole]
    left = [Flag(x, text, x + 1 - beside - size, x + 1 - beside) for x, text, size in whole]
    choices = [_placed([*right[:number][::-1], *left[number:]], room, gap) for number in range(len(whole), -1, -1)]
    # The first choice, with all texts right of their poles, is the best of equal ones.
    return min(choices, key=lambda placed: (-len(placed), max((flag.row for flag in placed), default=0)))


def _placed(candidates: Sequence[Flag], room: int, gap: float) -> list[Flag]:
    placed: list[Flag] = []
    for flag in candidates:
        if flag.begin < 0 or flag.end > room:
            continue
        rows = (replace(flag, row=row) for row in range(MOST_ROWS))
        free = next((each for each in rows if not any(_in_conflict(each, other, gap) for other in placed)), None)
        placed += [free] if free is not None else []
    return sorted(placed, key=lambda each: each.x)


def _in_conflict(one: Flag, other: Flag, gap: float) -> bool:
    if one.row == other.row:
        return one.begin < other.end + gap and other.begin < one.end + gap
    upper, lower = (one, other) if one.row > other.row else (other, one)
    return lower.begin <= upper.x < lower.end
