"""What a live sensor watched, and when: the coverage of its run, with gaps where the kernel lost packets.

Time is cut into periods. One in which nothing was lost goes on; a loss that a look at the counters found lies between
this look and the one before it, so that stretch becomes a period of its own with the number of packets lost.

A clock that is set, back or forth, ends a period too: time that the clock left out was never watched. A second clock,
which nobody sets, tells. When between two looks it was set isn't known, so what passed between them counts before and
after.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from ims import arrow
from ims.darknet import Darknet
from ims.records import arrow_schema
from ims.sensor.config import SensorConfig
from ims.settings.durations import HOUR_US
from ims.store.captures import CaptureRecord

PERIODS = 64
"""Periods of one record; what is written at each checkpoint stays small."""
SET_US = 500_000
"""A clock that moved on by so much more than the steady one, or less, was set (or the machine slept)."""


@dataclass
class Period:
    """A stretch of time [since, until), in microseconds since the epoch."""

    since: int
    until: int
    lost: int = 0
    payloads_lost: dict[str, int] = field(default_factory=dict)


def policies_of(config: SensorConfig) -> dict[str, str]:
    """What coverage says of each block: its policy, `ports` for a table of them, `passive` where nothing answers."""
    return {
        block.name: "passive" if not config.respond else block.policy if isinstance(block.policy, str) else "ports"
        for block in config.block
    }


class CoverageLog:
    """The periods of a run. One thread looks; `now_us` is the clock that packets are stamped with, `steady_us` one that
    is never set (None: there is none, as for a capture)."""

    def __init__(
        self, darknet: Darknet, policies: dict[str, str], now_us: Callable[[], int],
        steady_us: Callable[[], int] | None = None,
    ) -> None:  # fmt: skip
        self._darknet, self._policies, self._now, self._steady = darknet, policies, now_us, steady_us
        self._steady_at = steady_us() if steady_us is not None else 0
        self._begin(now_us())

    def _begin(self, since: int) -> None:
        self._id = uuid.uuid4().hex
        self._periods = [Period(since, since)]

    @property
    def current(self) -> Period:
        """The period that goes on."""
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
        period = self.current
        period.until = now
        period.lost += lost
        for block, count in payloads_lost.items():
            period.payloads_lost[block] = period.payloads_lost.get(block, 0) + count

    def _passed(self) -> int | None:
        """Microseconds since the last look, by the steady clock."""
        if self._steady is None:
            return None
        before, self._steady_at = self._steady_at, self._steady()
        return self._steady_at - before

    def rows(self) -> tuple[str, CaptureRecord, pa.Table]:
        """(id, record, coverage) of the record that goes on: what the next checkpoint remembers."""
        record = CaptureRecord("live", finished=True, settled=True)
        record.saw(min(period.since for period in self._periods), max(period.until for period in self._periods))
        record.frames_lost = sum(period.lost for period in self._periods)
        rows = [
            {
                "block": block.name,
                "prefix": str(block.prefix),
                "policy": self._policies[block.name],
                "since": period.since,
                "until": max(period.until, period.since + 1),
                "frames_lost": period.lost,
                "payloads_lost": period.payloads_lost.get(block.name, 0),
            }
            for period in self._periods
            if period.until > period.since or period.lost or period.payloads_lost  # a clock set back leaves no time
            for block in self._darknet.blocks
        ]
        return self._id, record, arrow.table(rows, arrow_schema("coverage"))

    def saved(self) -> None:
        """The rows are in the store: a record that is long, or of an hour that is over, is left as it is."""
        last = self.current
        if len(self._periods) > PERIODS or last.until // HOUR_US != self._periods[0].since // HOUR_US:
            self._begin(last.until)

    def change(self, darknet: Darknet, policies: dict[str, str]) -> None:
        """Other blocks or policies from now on; the record so far must have been saved."""
        since = self.current.until
        self._darknet, self._policies = darknet, policies
        self._begin(since)
