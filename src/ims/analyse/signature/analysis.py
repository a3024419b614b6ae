"""A busy port's traffic by payload (paper, section 2.2.1 and Figure 5): the port as a whole hardly tells of a new worm,
the signature of the worm's own payload does.

Each payload is tested for having appeared, and the false discovery rate over all of them is controlled (Benjamini and
Hochberg, J. R. Stat. Soc. B 57, 1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import Finding, listed
from ims.analyse.intervals import Array, Interval, of_counts, of_mean
from ims.analyse.question import MOMENT
from ims.analyse.questions.signature import OF_PAYLOADS
from ims.analyse.result import Estimate, schema
from ims.analyse.signature.begin import Begin, begin_of
from ims.analyse.signature.data import LEAST_SOURCES, Data, Payload, data
from ims.analyse.signature.figure import ALL, NO_PAYLOAD, OTHERS, figure, plot
from ims.analyse.signature.rise import LEAST_BINS, Rise, rise
from ims.settings.durations import DAY_US, HOUR_US, written_duration
from ims.text import quantity

__all__ = ["data", "figure", "model", "plot"]
ANALYSIS = ANALYSES["signature"]
RATE = 0.05
"""Of false discoveries among the payloads that are said to have appeared."""
WITHHELD = "withheld"
_BEGIN = "back from its first arrival, by the rate just after it and its growth"
_SHARE = "packets by those with payload; interval with the long-run variance of bins"


def model(data: Data) -> Finding:
    """Each payload's packets and share, whether it appeared, and since when."""
    empty = {"rows": pa.Table.from_batches([], schema(ANALYSIS.columns)), "series": _series(data, [])}
    if not data.whole.sum():
        return Finding({}, **empty, notes=("no packet came, so there is nothing to tell apart",))
    tested = [each for each in data.payloads if each.sources >= LEAST_SOURCES]
    rises = [_rise(data, each) for each in tested]
    rates = dict(zip((each.signature for each in tested), _false_discoveries([each.p for each in rises]), strict=True))
    begins = {
        each.signature: _begin(data, each, found)
        for each, found in zip(tested, rises, strict=True)
        if rates[each.signature] <= RATE
    }
    appeared = [each for each in data.payloads if each.signature in begins]
    rows = [_row(data, each, begins.get(each.signature), rates.get(each.signature)) for each in data.payloads]
    estimates, notes = _estimates(data, tested, appeared, begins)
    notes += [*_notes(data, tested, appeared, begins), *data.notes]
    return Finding(
        estimates, arrow.table([*rows, *_rest(data)], schema(ANALYSIS.columns)),
        _series(data, _drawn(data, appeared)), tuple(notes),
    )  # fmt: skip


def _rise(data: Data, payload: Payload) -> Rise:
    """By sources of each bin, where they were asked for: packets of one source may be a single burst."""
    arrivals = payload.packets if payload.arrivals is None else payload.arrivals
    exposure = data.exposure if payload.exposure is None else payload.exposure
    return rise(arrivals, exposure, data.begin_of(payload), payload.sources)


def _false_discoveries(p_values: Sequence[float]) -> list[float]:
    from scipy.stats import false_discovery_control

    return [float(each) for each in false_discovery_control(p_values)] if p_values else []


def _begin(data: Data, payload: Payload, found: Rise) -> Begin:
    exposure = data.exposure if payload.exposure is None else payload.exposure
    first = None if found.earlier else float(payload.first)
    assert payload.arrivals is not None
    return begin_of(data.time, data.width, payload.arrivals, exposure, found.bin, first, found.latest)


def _share(data: Data, packets: Array) -> Interval | None:
    """Of the packets with payload, in bins that had any."""
    some = data.filled > 0
    if not some.any():
        return None
    found = of_mean(packets[some], data.filled[some])
    return Interval(*(min(each, 1.0) for each in found))


def _row(data: Data, payload: Payload, begin: Begin | None, rate: float | None) -> dict[str, Any]:
    return {
        "signature": payload.signature, **_counted(data, payload.packets),
        "first": payload.first, "last": payload.last,
        "appeared": _micros(begin and begin.value), "appeared_low": _micros(begin and begin.low),
        "appeared_high": _micros(begin and begin.high),
        "q_value": rate, "sources": payload.sources, "length": payload.length, "text": payload.text,
    }  # fmt: skip


def _counted(data: Data, packets: Array) -> dict[str, Any]:
    share = _share(data, packets)
    value, low, high = (None, None, None) if share is None else share
    return {"packets": round(packets.sum()), "share": value, "share_low": low, "share_high": high}


def _rest(data: Data) -> list[dict[str, Any]]:
    """Packets that are of none of the payloads in rows."""
    blank: dict[str, Any] = dict.fromkeys(each.name for each in ANALYSIS.columns)
    others = np.maximum(data.filled - sum(each.packets for each in data.payloads), 0)
    found = []
    if data.withheld:
        share = data.withheld / data.filled.sum() if data.filled.sum() else None
        found.append(blank | {"signature": WITHHELD, "packets": data.withheld, "share": share})
    if round(others.sum()) > data.withheld:
        row = blank | {"signature": OTHERS, **_counted(data, others)}
        if data.withheld:
            row |= {"packets": row["packets"] - data.withheld, "share": None, "share_low": None, "share_high": None}
        found.append(row)
    if (empty := round((data.whole - data.filled).sum())) > 0:
        found.append(blank | {"signature": NO_PAYLOAD, "packets": empty})
    return found


def _micros(value: float | None) -> int | None:
    return None if value is None else round(value)


def _moment(micros: float | None) -> datetime | None:
    return None if micros is None else arrow.EPOCH + timedelta(microseconds=round(micros))


def _estimates(
    data: Data, tested: Sequence[Payload], appeared: Sequence[Payload], begins: dict[str, Begin]
) -> tuple[dict[str, Estimate], list[str]]:
    if not data.filled.sum():
        return {}, ["no packet with a payload came, so there is nothing to tell apart"]
    if _watched(data) < LEAST_BINS:
        return {}, [_too_short(data)]
    if not tested:
        return {}, []
    together = _share(data, sum((each.packets for each in appeared), np.zeros(len(data.time))))
    estimates = {} if together is None else {"new_share": Estimate(*together, OF_PAYLOADS, _SHARE)}
    if not appeared:
        return estimates, []
    most = max(appeared, key=lambda each: float(each.packets.sum()))
    begin, share = begins[most.signature], _share(data, most.packets)
    ends = (_moment(begin.value), _moment(begin.low), _moment(begin.high))
    estimates["appeared"] = Estimate(*ends, MOMENT, f"{most.signature}: {_BEGIN}")
    if share is not None:
        estimates["share"] = Estimate(*share, OF_PAYLOADS, f"{most.signature}: {_SHARE}")
    return estimates, []


def _notes(data: Data, tested: Sequence[Payload], appeared: Sequence[Payload], begins: dict[str, Begin]) -> list[str]:
    notes: list[str] = []
    if not data.filled.sum() or _watched(data) < LEAST_BINS or data.notes:
        return notes
    if appeared:
        notes.append(
            f"{len(appeared)} of {quantity(len(tested), 'payload')} that came from {LEAST_SOURCES} sources or more "
            f"appeared in this range, with at most {RATE:.0%} of them by chance"
        )
    elif tested:
        notes.append(
            f"none of {quantity(len(tested), 'payload')} that came from {LEAST_SOURCES} sources or more is known to "
            "have appeared in this range"
        )
    else:
        notes.append(f"no payload came from {LEAST_SOURCES} sources or more: none can be told to have appeared")
    seldom = 1 - sum(float(each.packets.sum()) for each in tested) / float(data.filled.sum())
    if seldom >= 0.0005:
        fewer = f" or fewer than {data.fewest + 1:,} packets" if data.unlisted and data.fewest > 1 else ""
        notes.append(
            f"{seldom:.1%} of the packets with payload weren't tested: their payloads came from fewer than "
            f"{LEAST_SOURCES} sources{fewer}, as those do that are different each time"
        )
    open_ended = [each.signature[:8] for each in appeared if begins[each.signature].low is None]
    if open_ended:
        notes.append(f"may have begun at any moment before, since they grew from few: {listed(open_ended)}")
    watched = int(data.time[0]) if len(data.time) else 0
    early = [each.signature[:8] for each in appeared if each.first - watched < DAY_US]
    if early:
        notes.append(
            f"appeared within {DAY_US // HOUR_US} h of the range's begin, where a daily pattern may look like it: "
            f"{listed(early)}"
        )
    return notes


def _watched(data: Data) -> int:
    return int((data.exposure > 0).sum())


def _too_short(data: Data) -> str:
    """No payload could have appeared, so that a share of 0 would say more than is known."""
    each = written_duration(data.width)
    return (
        f"too short to tell whether a payload appeared: of bins of {each}, {_watched(data)} had anything watched, "
        f"where it takes {LEAST_BINS}"
    )


def _drawn(data: Data, appeared: Sequence[Payload]) -> list[Payload]:
    """Those that appeared, then others, the most frequent first."""
    rest = [each for each in data.payloads if each not in appeared]
    return [*appeared, *rest][: data.shown]


def _series(data: Data, drawn: Sequence[Payload]) -> pa.Table:
    others = np.maximum(data.filled - sum(each.packets for each in drawn), 0)
    found = [(ALL, data.whole), *((each.signature, each.packets) for each in drawn)]
    found += [(OTHERS, others), (NO_PAYLOAD, data.whole - data.filled)]
    tables = []
    for name, packets in found:
        low, high = of_counts(packets)
        tables.append(pa.table({
            "time": arrow.column(data.time, pa.timestamp("us", "UTC")),
            "signature": pa.repeat(name, len(data.time)),
            "seconds": arrow.column(data.seconds, pa.float64()),
            "packets": arrow.column(np.round(packets).astype(np.int64), pa.int64()),
            "low": arrow.column(low, pa.float64()), "high": arrow.column(high, pa.float64()),
        }, schema(ANALYSIS.series)))  # fmt: skip
    return pa.concat_tables(tables)
