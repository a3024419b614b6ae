"""What payloads are told apart by: packets and sources of each over time, and what was watched.

Most payloads of a busy port come once: one that appeared comes from several sources. So only those are asked for by
time, in few answers; and only of those which may have appeared, the sources by time and the blocks they came to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.questions.signature import SHOWN
from ims.analyse.signature.exposure import by_bin, came_to, of_blocks, one_of, uneven
from ims.analyse.signature.rise import rise
from ims.query.errors import NotShownError, QuestionError
from ims.query.language.syntax_tree import Has

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence
    from ims.analyse.options import Options

Array = np.ndarray[Any, Any]
MOST_LISTED, MOST_PAYLOADS = 200, 100
"""Payloads with the most packets that are listed; of these with sources enough, those asked for by time: a filter with
so many signatures takes 0.5 to 2 s over 20 million packets."""
LEAST_SOURCES = 4
"""Of a payload that can be told to have appeared: of fewer, it is what these sources do."""
SUSPECT = 0.05
MOST_TOP = 24
MOST_BINS = 5_000
TEXT = 60


@dataclass(frozen=True)
class Payload:
    """A payload. `packets`, `arrivals`: by bin, float64 (n,), the latter distinct sources of the bin; None where they
    weren't asked for. `exposure`: what was watched by bin where it came to, float64 (n,), in hours of the whole
    darknet; None: as of all blocks. `first`, `last`: microseconds."""

    signature: str
    length: int
    sources: int
    first: int
    last: int
    text: str
    packets: Array
    arrivals: Array | None = None
    exposure: Array | None = None


@dataclass(frozen=True)
class Data:
    """Watched bins in the order of time: begin (microseconds), seconds, exposure in hours of the whole darknet; `width`
    in microseconds; packets of all, and of those with payload, float64 (n,). `payloads`: those that were asked for by
    time, the most frequent first; `withheld`: packets of those that the role isn't shown; `unlisted`: whether there
    are more payloads than were listed, of which none has more packets than `fewest`; `shown`: how many to draw."""

    time: Array
    seconds: Array
    exposure: Array
    width: int
    whole: Array
    filled: Array
    payloads: tuple[Payload, ...] = ()
    withheld: int = 0
    fewest: int = 0
    unlisted: bool = False
    shown: int = SHOWN
    notes: tuple[str, ...] = ()

    def begin_of(self, payload: Payload) -> float:
        """Share of the bin of a payload's first arrival that was before it."""
        at = int(np.searchsorted(self.time, payload.first, "right")) - 1
        return min(max((payload.first - int(self.time[at])) / self.width, 0.0), 1.0) if at >= 0 else 0.0


def data(evidence: Evidence, options: Options) -> Data:
    """The port's packets over time, its payloads, and what was watched."""
    width, shown = options.values["bin"], _shown(options.values.get("top"))
    sizes = evidence.darknet(width, None).sort_by("time")
    if len(sizes) > MOST_BINS:
        fewer = "a wider --bin, or a shorter time, has fewer"
        raise QuestionError(f"{len(sizes):,} bins are more than {MOST_BINS:,}; {fewer}")
    listed = evidence.ask(
        "payloads",
        "the payloads that came most often",
        may_lack=True,
        filter=evidence.request.filter,
        limit=MOST_LISTED,
    )
    time = arrow.numbers(sizes.column("time"))
    seconds, addresses = (arrow.floats(sizes.column(name)) for name in ("seconds", "addresses"))
    weight = addresses * seconds
    mean = float(weight.sum() / seconds.sum()) if seconds.sum() else 1.0
    whole = by_bin(evidence.series(width), time)[""]
    filled = by_bin(evidence.series(width, also=Has("payload")), time)[""]
    rows = _distinct(listed.table)
    base = Data(
        time, seconds, weight / mean / 3600, width, whole, filled, (),
        sum(row["packets"] for row in rows if row["signature"] is None),
        min((row["packets"] for row in rows), default=0), bool(listed.record.limit), shown,
    )  # fmt: skip
    chosen = _chosen(rows, shown)
    try:
        payloads = _payloads(evidence, base, chosen)
        return replace(base, payloads=_looked_into(evidence, base, payloads))
    except NotShownError:  # a signature that was listed may not be asked for: the portal can't look at payloads
        hidden = base.withheld + sum(row["packets"] for row in chosen)
        return replace(base, withheld=hidden, notes=("payloads aren't shown by time here, so none is told apart",))


def _shown(top: int | None) -> int:
    if top is None:
        return SHOWN
    if not 1 <= top <= MOST_TOP:
        raise QuestionError(f"top {top}: expected a number from 1 to {MOST_TOP}")
    return top


def _distinct(table: pa.Table) -> list[dict[str, Any]]:
    """Rows by signature: different payloads of one signature count together."""
    names = ("signature", "length", "packets", "sources", "text")
    rows = arrow.rows(table.select(list(names)))
    ends = zip(*(arrow.numbers(table.column(name)).tolist() for name in ("first_seen", "last_seen")), strict=True)
    found: dict[Any, dict[str, Any]] = {}
    for at, (row, (first, last)) in enumerate(zip(rows, ends, strict=True)):
        key = at if row["signature"] is None else row["signature"]
        known = found.setdefault(key, {**row, "packets": 0, "first": first, "last": last})
        known["packets"] += row["packets"]
        known["sources"] = max(known["sources"], row["sources"])
        known["first"], known["last"] = min(known["first"], first), max(known["last"], last)
    return list(found.values())


def _chosen(rows: Sequence[Mapping[str, Any]], shown: int) -> list[Mapping[str, Any]]:
    """Those with the most packets, and those with sources enough; which are chosen doesn't depend on when they came."""
    named = [row for row in rows if row["signature"] is not None]
    return [row for at, row in enumerate(named) if at < shown or row["sources"] >= LEAST_SOURCES][:MOST_PAYLOADS]


def _payloads(evidence: Evidence, base: Data, rows: Sequence[Mapping[str, Any]]) -> tuple[Payload, ...]:
    if not rows:
        return ()
    table = evidence.series(base.width, "signature", also=one_of([row["signature"] for row in rows]))
    packets = by_bin(table, base.time)
    return tuple(
        Payload(row["signature"], row["length"], row["sources"], row["first"], row["last"], (row["text"] or "")[:TEXT],
                packets.get(row["signature"], np.zeros(len(base.time))))
        for row in rows
    )  # fmt: skip


def _looked_into(evidence: Evidence, base: Data, payloads: tuple[Payload, ...]) -> tuple[Payload, ...]:
    """The same, with sources by time for those that may have appeared; and where blocks were watched at different
    times, with what was watched of those that they came to."""
    suspects = suspects_of(base, payloads)
    if not suspects:
        return payloads
    table = evidence.series(base.width, "signature", "sources", also=one_of(suspects))
    arrivals = by_bin(table, base.time)
    blocks = uneven(evidence, base.time, base.width, base.exposure)
    came = came_to(evidence, suspects, blocks) if blocks else {}
    exposures = {name: of_blocks(each, blocks, float(base.exposure.sum())) for name, each in came.items()}
    return tuple(
        replace(each, arrivals=arrivals.get(each.signature), exposure=exposures.get(each.signature))
        if each.signature in suspects else each
        for each in payloads
    )  # fmt: skip


def suspects_of(base: Data, payloads: Sequence[Payload]) -> list[str]:
    """Payloads that may have appeared, as their packets tell, the likeliest first."""
    chances = {each.signature: rise(each.packets, base.exposure, base.begin_of(each), each.sources).p
               for each in payloads if each.sources >= LEAST_SOURCES}  # fmt: skip
    return sorted((name for name, p in chances.items() if p <= SUSPECT), key=chances.__getitem__)
