"""What `storage` asks: octets of packets, payloads and files by hour, what was watched, and a compressed sample."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ims import arrow
from ims.analyse.evidence import MOST_BINS
from ims.analyse.options import Options
from ims.analyse.storage.sample import RECORD, compressed
from ims.settings.durations import HOUR_US, SECOND_US

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence
    from ims.query.answer import Answer

Array = np.ndarray[Any, Any]
SIGNATURE = 16
"""Octets of an MD5."""
COUNTS = ("packets", "bytes", "payloads", "payload_bytes", "new_payloads", "new_bytes", "truncated", "stored_packets",
          "stored_bytes")  # fmt: skip


@dataclass(frozen=True)
class Data:
    """By hour that was watched, or in which packets came: begin (microseconds), `watched` seconds, counts by name as
    the verb has them, float64 (n,) each. Bins that were watched: begin, seconds, `width` (an hour or more).
    `are_files_shown`: whether the role is shown files;
    `ratios`: of compressed pcap to pcap at places of a sample, `is_whole`: of one that is all; `can_sample`: whether
    packets may be exported; `is_all`: no filter takes only some packets; `is_widened`: narrower bins were asked for."""

    hours: Array
    watched: Array
    counts: dict[str, Array]
    time: Array
    seconds: Array
    width: int
    is_all: bool
    can_sample: bool = True
    ratios: Array = field(default_factory=lambda: np.empty(0))
    is_whole: bool = False
    is_widened: bool = False
    are_files_shown: bool = True

    @property
    def are_files_known(self) -> bool:
        """Whether it is known what files hold of these packets."""
        return self.is_all and self.are_files_shown

    @property
    def pcap(self) -> Array:
        """Octets of each hour's records in a pcap file."""
        octets: Array = RECORD * self.counts["packets"] + self.counts["bytes"]
        return octets

    @property
    def signatures(self) -> Array:
        """The same with a signature in place of each payload, and each payload once a sensor and day, with its own."""
        counts = self.counts
        without: Array = self.pcap - counts["payload_bytes"] + SIGNATURE * counts["payloads"]
        octets: Array = without + counts["new_bytes"] + SIGNATURE * counts["new_payloads"]
        return octets

    @property
    def stored(self) -> Array:
        """Octets of each hour's files, of those of their packets that are in the range."""
        held, octets = self.counts["stored_packets"], self.counts["stored_bytes"]
        share = np.divide(self.counts["packets"], held, out=np.zeros(len(held)), where=held > 0)
        of_range: Array = octets * np.minimum(share, 1.0)
        return of_range


def data(evidence: Evidence, options: Options) -> Data:
    """All of it. A sample is taken where packets may be exported."""
    width = max(options.values["bin"], HOUR_US)  # files are of whole hours
    sizes = evidence.darknet(width, None).sort_by("time")
    by_hour = sizes if width == HOUR_US else evidence.darknet(HOUR_US, None)
    step, table = _by_time(evidence, by_hour)
    time = arrow.numbers(table.column("time"))
    began = _hour_of(time)
    hours = np.union1d(began, arrow.numbers(by_hour.column("time")))
    counts = {name: _placed(hours, began, table, name) for name in COUNTS}
    found = Data(
        hours, _placed(hours, arrow.numbers(by_hour.column("time")), by_hour, "seconds"), counts,
        arrow.numbers(sizes.column("time")),
        arrow.floats(sizes.column("seconds")), width, evidence.request.filter is None, evidence.can_write,
        is_widened=width > options.values["bin"], are_files_shown="stored_bytes" in table.column_names,
    )  # fmt: skip
    if not evidence.can_write or not counts["packets"].sum():
        return found
    came = found.pcap > 0
    seconds = _by_second(table, time) if step == SECOND_US else None
    ratios, is_whole = compressed(evidence, hours[came], found.pcap[came], seconds)
    return replace(found, ratios=ratios, is_whole=is_whole)


def _by_time(evidence: Evidence, by_hour: Any) -> tuple[int, Any]:
    """What packets and files take in bins, and their width: seconds, among which a sample's places are found, where it
    takes one and they aren't too many; else hours, since files are of whole ones. (50 million packets in a day: asking
    for the seconds of each place's hour took as long again as asking for all seconds.)"""

    def asked(step: int, what: str, may_lack: bool) -> Answer:
        words = {"filter": evidence.request.filter, "bin": step, "limit": MOST_BINS}
        return evidence.ask("storage", what, may_lack=may_lack, **words)

    if evidence.can_write and len(by_hour) * HOUR_US // SECOND_US <= MOST_BINS // 2:
        answer = asked(SECOND_US, "octets by second", True)
        if not answer.record.limit:  # packets may have come in more hours than were watched
            return SECOND_US, answer.table
    return HOUR_US, asked(HOUR_US, "octets by hour", False).table


def _by_second(table: Any, time: Array) -> tuple[Array, Array]:
    """Begins of the seconds in which packets came, and their octets as pcap."""
    packets, octets = (arrow.floats(table.column(name)) for name in ("packets", "bytes"))
    came = packets > 0
    return time[came], (RECORD * packets + octets)[came]


def _hour_of(time: Array) -> Array:
    began: Array = time - time % HOUR_US
    return began


def _placed(hours: Array, began: Array, table: Any, name: str) -> Array:
    """A column by hour, of a table whose rows are in the hours `began`; 0 of a column that the role isn't shown."""
    found = np.zeros(len(hours))
    if name in table.column_names:
        np.add.at(found, np.searchsorted(hours, began), arrow.floats(table.column(name)))
    return found
