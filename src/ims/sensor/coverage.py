"""What a live sensor watched, and when: the coverage of its run, with gaps where the kernel lost packets.

Time is divided into periods. One without losses goes on; a loss that a look at the counters finds happened since the
look before, so that time becomes a period of its own with the number of packets lost.

A clock that is set, back or forth, ends a period too: time that it skipped wasn't watched. A second clock, which nobody
sets, shows it. When between two looks it was set isn't known, so the time between them counts before and after.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from ims import arrow
from ims.darknet import Darknet
from ims.records import arrow_schema
from ims.settings.durations import HOUR_US
from ims.store.captures import CaptureRecord

PERIODS = 64
"""Periods of one record, so that each checkpoint writes little."""
SET_US = 500_000
"""A clock that differs from the steady one by so much was set (or the machine slept)."""


@dataclass
class Period:
    """Time from `since` up to `until`, in microseconds since the epoch."""

    since: int
    until: int
    lost: int = 0
    payloads_lost: Counter[str] = field(default_factory=Counter)
    """by block"""


def coverage_table(darknet: Darknet, policies: Mapping[str, str], periods: Iterable[Period]) -> pa.Table:
    """A row for each block in each period; `policies`: by name of block."""
    rows = [
        {
            "block": block.name,
            "prefix": str(block.prefix),
            "policy": policies[block.name],
            "since": period.since,
            "until": max(period.until, period.since + 1),
            "frames_lost": period.lost,
            "payloads_lost": period.payloads_lost[block.name],
        }
        for period in periods
        for block in darknet.blocks
    ]
    return arrow.table(rows, arrow_schema("coverage"))


class CoverageLog:
    """The periods of a run, for one thread. `now_us` is the clock of packets' times, `steady_us` one that is never set
    (None for a capture)."""

    def __init__(
        self,
        darknet: Darknet,
        policies: Mapping[str, str],
        now_us: Callable[[], int],
        steady_us: Callable[[], int] | None = None,
    ) -> None:
        self._darknet, self._policies, self._now, self._steady = darknet, policies, now_us, steady_us
        self._steady_at = steady_us() if steady_us is not None else 0
        self._begin(now_us())

    def _begin(self, since: int) -> None:
        self._id = uuid.uuid4().hex
        self._periods = [Period(since, since)]

    @property
    def current(self) -> Period:
        """The last period."""
        return self._periods[-1]

    def look(self, lost: int, payloads_lost: dict[str, int]) -> None:
        """Watch until now; `lost` packets and payloads since the last look."""
        now = self._now()
        period = self.current
        passed = self._passed()
        if passed is not None and abs(now - period.until - passed) >= SET_US:
            period.until += passed
            self._periods.append(Period(now - passed, now))
        elif now < period.until:
            self._periods.append(Period(now, now))
        elif period.until > period.since and bool(period.lost) != bool(lost):
            self._periods.append(Period(period.until, period.until))
        self.current.until = now
        self.current.lost += lost
        self.current.payloads_lost.update(payloads_lost)

    def _passed(self) -> int | None:
        """Microseconds since the last look, by the steady clock."""
        if self._steady is None:
            return None
        before, self._steady_at = self._steady_at, self._steady()
        return self._steady_at - before

    def rows(self) -> tuple[str, CaptureRecord, pa.Table]:
        """(id, record, coverage) for the next checkpoint."""
        record = CaptureRecord("live", finished=True, settled=True)
        record.saw(min(period.since for period in self._periods), max(period.until for period in self._periods))
        record.frames_lost = sum(period.lost for period in self._periods)
        # A clock set back leaves periods without time.
        periods = [each for each in self._periods if each.until > each.since or each.lost or each.payloads_lost]
        return self._id, record, coverage_table(self._darknet, self._policies, periods)

    def saved(self) -> None:
        """The rows are in the store: a record that is long, or of an earlier hour, is ended."""
        last = self.current
        if len(self._periods) > PERIODS or last.until // HOUR_US != self._periods[0].since // HOUR_US:
            self._begin(last.until)

    def change(self, darknet: Darknet, policies: Mapping[str, str]) -> None:
        """Other blocks or policies from now on; the record so far must have been saved."""
        self._darknet, self._policies = darknet, policies
        self._begin(self.current.until)
