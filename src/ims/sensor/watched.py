"""What a live sensor watched, and when: the coverage of its run, with gaps where the kernel lost packets.

Time is cut into periods. One in which nothing was lost goes on; a loss that a look at the counters found lies between
this look and the one before it, so that stretch becomes a period of its own with the number of packets lost.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from ims import arrow
from ims.config import SensorConfig
from ims.darknet import Darknet
from ims.records import arrow_schema
from ims.store.journal import CaptureRecord
from ims.store.schema import HOUR_US

PERIODS = 64
"""Periods of one record; what is written at each checkpoint stays small."""


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


class Watched:
    """The periods of a run. One thread looks; `now_us` is the clock that packets are stamped with."""

    def __init__(self, darknet: Darknet, policies: dict[str, str], now_us: Callable[[], int]) -> None:
        self._darknet, self._policies, self._now = darknet, policies, now_us
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
        if now < period.until:  # the clock was set back
            self._periods.append(Period(now, now))
        elif period.until > period.since and bool(period.lost) != bool(lost):
            self._periods.append(Period(period.until, period.until))
        period = self.current
        period.until = now
        period.lost += lost
        for block, count in payloads_lost.items():
            period.payloads_lost[block] = period.payloads_lost.get(block, 0) + count

    def rows(self) -> tuple[str, CaptureRecord, pa.Table]:
        """(id, record, coverage) of the record that goes on: what the next checkpoint remembers."""
        record = CaptureRecord("live", finished=True, settled=True)
        record.saw(self._periods[0].since, max(period.until for period in self._periods))
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
