"""When a capture watched, by the times of its stored packets.

Not from its first packet to its last: captures are concatenated, clocks are set, and one packet with a damaged time
would make it decades. So times within an hour of each other are one span, and spans are one period where at most a week
without packets is between them and the file has them in this order. Other times are taken as not watched.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.kernels import kernel
from ims.settings.durations import HOUR_US
from ims.text import quantity

NEAR_US = HOUR_US
"""Interfaces of one capture differ by less, and so does what a clock is set by."""
QUIET_US = 7 * 24 * HOUR_US
"""A telescope of a few addresses may see nothing for days."""
SPANS = 64
"""At most so many of a capture. Packets of other times are stored, but don't count as watched."""

# Columns of the table: first and last microsecond, and at which turn of the file the span began and was last extended.
SINCE, UNTIL, BEGAN, LAST = range(4)
# Numbers kept between calls: spans used, the current one, turns so far, packets that found no room.
USED, CURRENT, TURN, BEYOND = range(4)


@kernel
def add_times(times, table, numbers):
    """Enter times (int64, microseconds, in the file's order) into `table` (int64, SPANS x 4)."""
    used, current, turn = numbers[USED], numbers[CURRENT], numbers[TURN]
    low, high = table[current, SINCE], table[current, UNTIL]
    for index in range(times.size):
        time = times[index]
        if used > 0 and low - NEAR_US <= time <= high + NEAR_US:  # nearly always (1 ns a packet)
            low, high = min(low, time), max(high, time)
            continue
        table[current, SINCE], table[current, UNTIL] = low, high
        found = np.int64(-1)
        for span in range(used):
            if table[span, SINCE] - NEAR_US <= time <= table[span, UNTIL] + NEAR_US:
                found = np.int64(span)
                break
        if found < 0:
            if used == SPANS:
                numbers[BEYOND] += 1
                continue
            found = used
            used += 1
            table[found, SINCE], table[found, UNTIL] = time, time
            table[found, BEGAN] = turn + 1
        turn += 1
        table[found, LAST] = turn
        current = found
        low, high = min(table[found, SINCE], time), max(table[found, UNTIL], time)
    table[current, SINCE], table[current, UNTIL] = low, high
    numbers[USED], numbers[CURRENT], numbers[TURN] = used, current, turn


class Spans:
    """The spans of one capture. `kept`: earlier `rows`."""

    def __init__(self, kept: list[list[int]]) -> None:
        self._table = np.zeros((SPANS, 4), np.int64)
        self._numbers = np.zeros(4, np.int64)
        self._keep(kept)

    def _keep(self, rows: list[list[int]]) -> None:
        count = len(rows)
        if count:
            self._table[:count] = rows
            turn = max(row[LAST] for row in rows)
            self._numbers[:3] = count, [row[LAST] for row in rows].index(turn), turn

    def add(self, times: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        """Enter the times of packets that were stored, in microseconds."""
        if times.size == 0:
            return
        if self._numbers[USED] > SPANS // 2:
            self._keep(merged(self.rows))
        add_times(times, self._table, self._numbers)

    @property
    def rows(self) -> list[list[int]]:
        """Spans, for the store."""
        rows: list[list[int]] = self._table[: self._numbers[USED]].tolist()
        return rows

    @property
    def beyond(self) -> int:
        """Packets whose times found no room."""
        return int(self._numbers[BEYOND])


def merged(rows: list[list[int]]) -> list[list[int]]:
    """Spans in order of time, those of one period joined."""
    periods: list[list[int]] = []
    for row in sorted(rows):
        before = periods[-1] if periods else None
        if before is not None:
            gap = row[SINCE] - before[UNTIL]
            if gap <= NEAR_US or (gap <= QUIET_US and before[LAST] < row[BEGAN]):
                before[UNTIL] = max(before[UNTIL], row[UNTIL])
                before[BEGAN], before[LAST] = min(before[BEGAN], row[BEGAN]), max(before[LAST], row[LAST])
                continue
        periods.append(list(row))
    return periods


def holes_in_words(rows: list[list[int]], beyond: int) -> str | None:
    """A warning about a capture's periods; None where there is one."""
    periods = merged(rows)
    if len(periods) < 2 and not beyond:
        return None
    shown = ", ".join(f"{_moment(period[SINCE])} to {_moment(period[UNTIL])}" for period in periods[:4])
    more = f" and {len(periods) - 4} more" if len(periods) > 4 else ""
    in_order = periods == sorted(periods, key=lambda period: period[BEGAN])
    order = "" if in_order else ", which are out of order in the file"
    rest = f"; {quantity(beyond, 'packet')} of yet other times stored too" if beyond else ""
    return f"its packets lie in {len(periods)} periods{order}: {shown}{more}. Only these count as watched{rest}"


def _moment(time_us: int) -> str:
    return str(np.datetime64(time_us, "us").astype("datetime64[s]")) + "Z"
