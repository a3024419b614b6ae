"""What a daily pattern is estimated from: distinct sources of each network in narrow bins, and what was watched.

A source that is switched on or off within an hour counts in it as one that is there all the time, so of hosts that come
often the curve of hours is wider than theirs: of a /8 that every host of Blaster visits each hour, its peak lay 0.3 h
off. So the curve is fitted to bins that are narrower than those which are drawn, where the answer has room for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.counted import Counted, counted
from ims.query.errors import NotShownError, QuestionError
from ims.settings.durations import HOUR_US, SECOND_US

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence
    from ims.analyse.options import Options

Array = np.ndarray[Any, Any]
MOST_ROWS = 1_000_000
"""Of sources by network and bin: 1.4 million take 3 s and 1 GB."""
MOST_BINS = 3000
"""That a curve is fitted to: a year of bins of 3 h. So many take 1 s, with 24 time zones 4 s."""
PARTS = (6, 4, 3, 2, 1)
"""Of a bin; the first that has room."""
MINUTE_US = 60 * SECOND_US
NARROWEST_US = 10 * MINUTE_US
WIDEST_US = 6 * HOUR_US
"""Of bins that can tell an hour of the day."""
BITS, BITS_OF_ORIGIN = 8, 24
"""Of the networks that sources are counted by; of those whose country and AS are looked up."""
GROUPS = ("country", "as")


@dataclass(frozen=True)
class Bins:
    """Bins in the order of time: begin (microseconds), seconds watched, addresses; `width`: microseconds."""

    time: Array
    seconds: Array
    addresses: Array
    width: int


@dataclass(frozen=True)
class Sightings:
    """How many sources of a network came in a bin: indexes of both, int64 (m,), and their number, float64 (m,)."""

    network: Array
    bin: Array
    count: Array


@dataclass(frozen=True)
class Networks:
    """Networks that sources came from. `prefix`: their first addresses, uint32 (k,); `bits`: of the prefix; sightings
    in narrow bins, and in those that are drawn (None where no groups were asked for). `names`: the group of each, None
    where it isn't known; `ahead`: hours that its clocks are ahead of UTC, NaN where they aren't known."""

    prefix: Array
    bits: int
    narrow: Sightings
    drawn: Sightings | None
    names: tuple[str | None, ...]
    ahead: Array


@dataclass(frozen=True)
class Data:
    """Bins that are drawn and the distinct sources in them; bins that the curve is fitted to, and the networks in them:
    None where the role is shown totals, which are those of the bins that are drawn. `asked`: the width that was asked
    for; `by`: what the groups are."""

    drawn: Bins
    sources: Counted
    narrow: Bins
    networks: Networks | None
    asked: int
    by: str | None = None


def data(evidence: Evidence, options: Options) -> Data:
    """Sources by bin; by network and narrower bin, where the role is shown them; and what was watched."""
    asked, by, origins = options.values["bin"], options.values.get("by"), options.values.get("origins")
    if by is not None and by not in GROUPS:
        raise QuestionError(f"by {by[:40]!r}: expected {' or '.join(GROUPS)}")
    if by is not None and origins is None:
        raise QuestionError(f"by {by} needs files that know the origin of addresses (--mmdb)")
    drawn = _bins(evidence, asked)
    if len(drawn.time) > MOST_BINS:
        raise QuestionError(
            f"{len(drawn.time):,} bins are more than the {MOST_BINS:,} that a curve is fitted to; "
            "a wider --bin, of 3h at most, or a shorter time, has fewer"
        )
    sources = counted(evidence, drawn.time, asked, "sources")
    if evidence.width != asked or asked > WIDEST_US or (sources.high > sources.low).any():
        return Data(drawn, sources, drawn, None, asked, by)
    group = f"source/{BITS if origins is None else BITS_OF_ORIGIN}"
    found = _narrow(evidence, drawn, float(np.nansum(sources.value)), group)
    if found is None:
        return Data(drawn, sources, drawn, None, asked, by)
    narrow, table = found
    if by is None:
        wide = None
    else:
        wide = table if narrow is drawn else evidence.series(asked, group, "sources", MOST_ROWS)
    return Data(drawn, sources, narrow, _networks(narrow, table, drawn, wide, by, origins), asked, by)


def _bins(evidence: Evidence, width: int) -> Bins:
    table = evidence.darknet(width, None).sort_by("time")
    seconds, addresses = (arrow.floats(table.column(name)) for name in ("seconds", "addresses"))
    return Bins(arrow.numbers(table.column("time")), seconds, addresses, width)


def _narrow(evidence: Evidence, drawn: Bins, sources: float, group: str) -> tuple[Bins, pa.Table] | None:
    """Bins as narrow as there is room for, and sources by network in them. None where the role isn't shown these."""
    most = 1 << int(group.partition("/")[2])
    parts = [
        each
        for each in PARTS
        if each == 1
        or (
            drawn.width % (each * MINUTE_US) == 0
            and drawn.width >= each * NARROWEST_US
            and len(drawn.time) * each <= MOST_BINS
            and min(sources, most * len(drawn.time)) * each <= MOST_ROWS
        )
    ]
    for each in parts:
        width = drawn.width // each
        try:
            table = evidence.series(width, group, "sources", MOST_ROWS)
        except NotShownError:
            return None
        except QuestionError:  # a portal's own limits may be lower
            if each == 1:
                raise
            continue
        if evidence.width != width or "low" in table.column_names:
            return None
        return (drawn if each == 1 else _bins(evidence, width)), table
    return None


def _networks(narrow: Bins, table: pa.Table, drawn: Bins, wide: pa.Table | None, by: Any, origins: Any) -> Networks:
    """The networks of both tables, with the group and the clock of each."""
    column = next(name for name in table.column_names if name.startswith("source_"))
    bits = int(column.partition("_")[2])
    tables = [table] if wide is None else [table, wide]
    texts = [each.column(column).combine_chunks().dictionary_encode() for each in tables]
    prefixes = [np.array([_first_address(text) for text in each.dictionary.to_pylist()], np.uint32) for each in texts]
    every = np.unique(np.concatenate(prefixes))
    found = [
        _sightings(bins, each, np.searchsorted(every, prefix)[arrow.numbers(text.indices)])
        for bins, each, prefix, text in zip((narrow, drawn), tables, prefixes, texts, strict=False)
    ]
    names: tuple[str | None, ...] = (None,) * len(every)
    ahead = np.full(len(every), np.nan)
    if origins is not None and len(every) and len(narrow.time):
        names = names if by is None else tuple(origins.names(by, every))
        ahead = np.asarray(origins.offsets(every, int(narrow.time[len(narrow.time) // 2])), np.float64)
    return Networks(every, bits, found[0], found[1] if len(found) > 1 else None, names, ahead)


def _sightings(bins: Bins, table: pa.Table, network: Array) -> Sightings:
    """Rows of bins that were watched."""
    times = arrow.numbers(table.column("time"))
    at = np.minimum(np.searchsorted(bins.time, times), max(len(bins.time) - 1, 0))
    inside = bins.time[at] == times if len(bins.time) else np.zeros(len(times), np.bool_)
    return Sightings(network[inside], at[inside], arrow.floats(table.column("value"))[inside])


def _first_address(prefix: str) -> int:
    """Of a network as text: a.b.c.d/n."""
    octets = [int(each) for each in prefix.partition("/")[0].split(".")]
    return octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]
