"""Hosts identified by steps that they do one after the other, as Blaster on ports 135 and 4444 (paper, section 3.2).

Which packets are a chain is decided where packets are (query/plans/chain.py). Here hosts are told by the payload of
their last step, counted by time, and those are added that weren't seen, by how often the others were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.chain.figure import figure, plot
from ims.analyse.chain.unseen import Total, total_of
from ims.analyse.execution import Finding
from ims.analyse.options import Options
from ims.analyse.question import Column
from ims.analyse.result import Estimate, schema
from ims.query.bins import bin_origin
from ims.query.errors import NotShownError, QuestionError
from ims.settings.durations import HOUR_US
from ims.text import quantity

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence

__all__ = ["Data", "data", "figure", "model", "plot"]
Array = np.ndarray[Any, Any]
ANALYSIS = ANALYSES["chain"]
ALL = "all"
"""The variants together, in series."""
NO_PAYLOAD = "no payload"
MOST_VARIANTS = 6
"""Of series: those with the most hosts."""
MOST_BINS = 20_000
_METHOD = "hosts that were found, with those not seen, by how many came in one hour (or bin) and in two (Chao, 1987)"


@dataclass(frozen=True)
class Data:
    """What was found, a row for each source, variant and bin: a table of source, variant, first, last and times. The
    watched bins: begin (microseconds), seconds; `width` of bins, microseconds; `answering`: the most addresses that
    answered in a bin, None where the role isn't shown them; `steps`: packets of each step, where nothing was found."""

    found: pa.Table
    time: Array
    seconds: Array
    width: int
    answering: float | None
    steps: tuple[int, ...] = ()


def data(evidence: Evidence, options: Options) -> Data:
    """The chains of each bin, and what was watched."""
    width = options.values["bin"]
    sizes = evidence.darknet(width, None).sort_by("time")
    if len(sizes) > MOST_BINS:
        fewer = "a wider --bin, or a shorter time, has fewer"
        raise QuestionError(f"{len(sizes):,} bins are more than {MOST_BINS:,}; {fewer}")
    found = evidence.chains(width)
    time, seconds = arrow.numbers(sizes.column("time")), arrow.floats(sizes.column("seconds"))
    answering = None
    if "answering" in sizes.column_names and len(sizes):
        answering = float(arrow.floats(sizes.column("answering")).max())
    steps = () if len(found) else _packets(evidence)
    return Data(found, time, seconds, width, answering, steps)


def _packets(evidence: Evidence) -> tuple[int, ...]:
    """How many packets each step takes; none where the role isn't shown them."""
    try:
        return tuple(evidence.packets(step) for step in evidence.steps)
    except NotShownError:
        return ()


def model(data: Data) -> Finding:
    """The hosts, how many there are with those not seen, and how many did it in each bin."""
    if not len(data.found):
        return Finding({}, _none(ANALYSIS.columns), _none(ANALYSIS.series), tuple(_why_none(data)))
    sources = data.found.column("source").combine_chunks().dictionary_encode()
    variants = _variants(data.found.column("variant"))
    codes = arrow.numbers(sources.indices).astype(np.int64)
    first = arrow.numbers(data.found.column("first"))
    seen = total_of(*_occasions(codes, first, data))
    estimates, notes = {}, []
    hosts = len(sources.dictionary)
    if seen is not None:
        estimates["sources"] = Estimate(seen.value, seen.low, seen.high, "sources", _METHOD)
        notes.append(_assumed(hosts, seen))
    else:
        unit = "hour" if data.width <= HOUR_US else "bin"
        notes.append(
            f"{quantity(hosts, 'host')} did it; too few of them came in a second {unit} to tell how many weren't seen"
        )
    rows = _hosts(data, sources, variants)
    return Finding(estimates, rows, _series(data, codes, variants, first), tuple(notes))


def _assumed(hosts: int, seen: Total) -> str:
    missing = seen.value - hosts
    if missing < 0.5:
        return f"{quantity(hosts, 'host')} did it, and came so often that none seems to be missing"
    return (
        f"{quantity(hosts, 'host')} did it, and at least {float(f'{missing:.3g}'):,.0f} weren't seen; "
        "the interval's upper end is for hosts that differ much in how often they come"
    )


def _why_none(data: Data) -> list[str]:
    notes = ["no source did these steps in this order, so there is nothing to estimate from"]
    if data.steps:
        taken = "; ".join(f"step {at} takes {quantity(n, 'packet')}" for at, n in enumerate(data.steps, 1))
        notes.append(taken)
    if data.answering == 0 and not (data.steps and all(data.steps)):
        notes.append(
            "no address is known to have answered; if none did, payloads of TCP, and steps after them, don't come"
        )
    return notes


def _none(columns: tuple[Column, ...]) -> pa.Table:
    return pa.Table.from_batches([], schema(columns))


def _variants(column: Any) -> pa.DictionaryArray:
    return column.fill_null(NO_PAYLOAD).combine_chunks().dictionary_encode()


def _occasions(codes: Array, first: Array, data: Data) -> tuple[Array, int]:
    """At how many hours (or bins, if they are wider) each source did it, and how many were watched. Narrower ones would
    part a visit in two."""
    width = max(data.width, HOUR_US)
    pairs = np.unique(np.stack([codes, _begin(first, width)]), axis=1)
    watched = np.unique(np.concatenate([_begin(data.time, width), pairs[1]]))
    return np.bincount(pairs[0]), len(watched)


def _begin(times: Array, width: int) -> Array:
    return np.asarray(times - (times - bin_origin(width)) % width)


def _hosts(data: Data, sources: pa.DictionaryArray, variants: pa.DictionaryArray) -> pa.Table:
    """A row for each source and variant, oldest first."""
    found = pa.table({
        "source": sources.dictionary_decode(), "variant": variants.dictionary_decode(),
        **{name: data.found.column(name) for name in ("first", "last", "times")},
    })  # fmt: skip
    found = found.group_by(["source", "variant"]).aggregate([("first", "min"), ("last", "max"), ("times", "sum")])
    found = found.rename_columns(["source", "variant", "first", "last", "times"])
    order = [(name, "ascending") for name in ("first", "source", "variant")]
    target = schema(ANALYSIS.columns)
    return found.sort_by(order).select(target.names).cast(target)


def _series(data: Data, codes: Array, variants: pa.DictionaryArray, first: Array) -> pa.Table:
    """Hosts in each watched bin, of all variants together, and of each if there are several."""
    begins, kinds = _begin(first, data.width), arrow.numbers(variants.indices)
    tables = [_counted(data, ALL, codes, begins)]
    if len(variants.dictionary) > 1:
        hosts = [len(np.unique(codes[kinds == kind])) for kind in range(len(variants.dictionary))]
        for kind in np.argsort(-np.array(hosts), kind="stable")[:MOST_VARIANTS].tolist():
            chosen = kinds == kind
            tables.append(_counted(data, variants.dictionary[kind].as_py(), codes[chosen], begins[chosen]))
    return pa.concat_tables(tables)


def _counted(data: Data, variant: str, codes: Array, begins: Array) -> pa.Table:
    """Distinct sources in each watched bin, and those of them that weren't in one before."""
    begin, code = np.unique(np.stack([begins, codes]), axis=1)
    _, earliest = np.unique(code, return_index=True)  # pairs are in the order of time
    counts = {"sources": _in_bins(data.time, begin), "new": _in_bins(data.time, begin[earliest])}
    columns = {
        "time": arrow.column(data.time, pa.timestamp("us", "UTC")), "variant": pa.repeat(variant, len(data.time)),
        "seconds": arrow.column(data.seconds, pa.float64()),
        **{name: arrow.column(each.astype(np.int64), pa.int64()) for name, each in counts.items()},
    }  # fmt: skip
    target = schema(ANALYSIS.series)
    return pa.table([columns[name] for name in target.names], schema=target)


def _in_bins(time: Array, begin: Array) -> Array:
    """How many begin at each of these times; others aren't counted, as of a sensor that didn't answer again."""
    kept = begin[np.isin(begin, time)]
    return np.bincount(np.searchsorted(time, kept), minlength=len(time))
