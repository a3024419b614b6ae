"""How much smaller zstd makes a pcap: of a sample of it, compressed while it is written, never held.

Places are chosen with a chance in proportion to the octets there, systematically from first to last (Cochran, Sampling
Techniques, 1977, sections 8.1 and 9A.9), so the mean of the places' ratios estimates the whole's. Within its hour a
place is found by the octets of each second, and within a second of each millisecond: by its part of the hour, a place
in an hour with a burst would hardly ever be in the burst, where most octets are. Where all is no more than the sample
would be, all is compressed, and the ratio is exact but for what a longer file would repeat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ims import arrow
from ims.analyse.intervals import Interval
from ims.settings.durations import HOUR_US, SECOND_US

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence

Array = np.ndarray[Any, Any]
PLACES = 8
OCTETS = 4 << 20
"""Of each place: twice the window in which zstd looks for repetitions at its usual level (2 MiB)."""
FINER_US = (SECOND_US, 1000)
"""Bins of an hour, and of a second of it that has more than a place."""
RECORD = 16
"""Octets of a packet's record in a pcap file beside the packet."""
LEVEL = 3


class Compressed:
    """A file that counts what is written to it, and what that is compressed."""

    def __init__(self) -> None:
        import zstandard

        self._compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj()
        self.written = self.compressed = 0

    def write(self, octets: Any) -> int:
        """As a file's."""
        self.written += (size := memoryview(octets).nbytes)
        self.compressed += len(self._compressor.compress(octets))
        return size

    def flush(self) -> None:
        """As a file's: nothing is kept back but by `ratio`."""

    def ratio(self) -> float:
        """Octets after compression by octets before; nothing can be written then."""
        self.compressed += len(self._compressor.flush())
        return self.compressed / self.written


@dataclass(frozen=True)
class Place:
    """Microseconds [since, until)."""

    since: int
    until: int

    def within(self, since: int | None, until: int | None) -> Place:
        """What of it is in a range."""
        begin = self.since if since is None else max(self.since, since)
        return Place(begin, self.until if until is None else min(self.until, until))


def spots_of(octets: Array) -> list[tuple[int, float]]:
    """Where to look: numbers of hours, and octets from the begin of each on. `octets`: of each hour as pcap."""
    total, ends = float(octets.sum()), np.cumsum(octets)
    at = (np.arange(PLACES) + 0.5) * total / PLACES
    rows = np.minimum(np.searchsorted(ends, at, side="right"), len(octets) - 1)
    return list(zip(rows.tolist(), (at - (ends - octets)[rows]).tolist(), strict=True))


def bins_of(octets: Array, at: float) -> tuple[int, int]:
    """The first and the last bin of a place from `at` octets on, or so far before that it is whole. `octets`: of each
    bin."""
    ends = np.cumsum(octets)
    begin = max(min(at, float(ends[-1]) - OCTETS), 0.0)
    first = min(int(np.searchsorted(ends, begin, side="right")), len(octets) - 1)
    last = min(int(np.searchsorted(ends, begin + OCTETS, side="left")), len(octets) - 1)
    return first, max(first, last)


def ratio_of(ratios: Array, is_whole: bool, level: float) -> Interval | None:
    """The whole's ratio by those of the places; None of too few of them."""
    if is_whole and len(ratios) == 1:
        return Interval(float(ratios[0]), float(ratios[0]), float(ratios[0]))
    if len(ratios) < 2:
        return None
    mean, half = float(ratios.mean()), _student(ratios, level) * math.sqrt(1 / len(ratios))
    return Interval(mean, max(0.0, mean - half), mean + half)


def ratios_of_bins(ratios: Array, is_whole: bool, shares: Array, level: float) -> Array:
    """The ratio of each bin and the ends of its interval, (3, n); NaN where not known. `shares`: of the bins, of all
    octets. A bin has the whole's ratio but for what it differs from the rest, at most as places do from each other: an
    hour of an attack may be compressed otherwise than the rest. Where all was compressed, of bins only the sum is."""
    found = np.full((3, len(shares)), np.nan)
    whole = ratio_of(ratios, is_whole, level)
    if whole is None:
        return found
    found[0] = whole.value
    if is_whole:
        found[1:, shares >= 1] = whole.value
        return found
    half = _student(ratios, level) * np.sqrt(1 / len(ratios) + (1 - shares) ** 2)
    found[1], found[2] = np.maximum(whole.value - half, 0.0), whole.value + half
    return found


def _student(ratios: Array, level: float) -> float:
    """How far the interval of one more place reaches, were the mean known."""
    from scipy.special import stdtrit

    return float(stdtrit(len(ratios) - 1, (1 + level) / 2)) * float(ratios.std(ddof=1))


Bins = tuple[Array, Array]
"""Begins in microseconds, and octets of each as pcap."""


def compressed(evidence: Evidence, hours: Array, octets: Array, seconds: Bins | None = None) -> tuple[Array, bool]:
    """The ratio at each place, and whether the only place is all. `hours`: begins in microseconds; `octets`: of each as
    pcap; `seconds`: of all in which packets came, where they are known."""
    if octets.sum() <= PLACES * OCTETS:
        ratio = _at(evidence, Place(int(hours[0]), int(hours[-1]) + HOUR_US))
        return np.array([] if ratio is None else [ratio]), True
    known: dict[tuple[int, int], Bins] = {}  # several places may be in one hour
    if seconds is not None:
        cuts = [np.searchsorted(seconds[0], [begin, begin + HOUR_US]) for begin in hours.tolist()]
        known = {(int(hour), HOUR_US): (seconds[0][at:to], seconds[1][at:to])
                 for hour, (at, to) in zip(hours, cuts, strict=True)}  # fmt: skip
    places = [_place(evidence, known, int(hours[row]), HOUR_US, at) for row, at in spots_of(octets)]
    ratios = [_at(evidence, place) for place in places if place is not None]
    return np.array([each for each in ratios if each is not None]), False


def _place(evidence: Evidence, known: dict[tuple[int, int], Bins], since: int, width: int, at: float) -> Place | None:
    """The place `at` octets from a moment on, in a period of one of the widths. None where nothing is any more."""
    finer = next(each for each in FINER_US if each < width)
    if (since, width) not in known:
        known[since, width] = _bins(evidence, Place(since, since + width), finer)
    time, octets = known[since, width]
    if not len(time):
        return None
    first, last = bins_of(octets, at)
    if octets[first] > 2 * OCTETS and finer > FINER_US[-1]:
        return _place(evidence, known, int(time[first]), finer, max(at - float(octets[:first].sum()), 0.0))
    return Place(int(time[first]), int(time[last]) + finer)


def _bins(evidence: Evidence, place: Place, width: int) -> Bins:
    """Begins of a place's bins, and octets of each as pcap."""
    inside = place.within(evidence.since, evidence.until)
    narrow = evidence.narrowed(since=inside.since, until=inside.until)
    table = narrow.ask("storage", "where octets are", filter=narrow.request.filter, bin=width).table
    packets, octets = (arrow.floats(table.column(name)) for name in ("packets", "bytes"))
    came = packets > 0
    return arrow.numbers(table.column("time"))[came], (RECORD * packets + octets)[came]


def _at(evidence: Evidence, place: Place) -> float | None:
    inside = place.within(evidence.since, evidence.until)
    out = Compressed()
    evidence.narrowed(since=inside.since, until=inside.until).write(out)
    return out.ratio() if out.written > _HEADER else None


_HEADER = 24
"""Octets of a pcap file's own header."""
