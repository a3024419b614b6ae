"""How many bytes a day packets take in different forms (Figure 7 of the paper).

As pcap: 16 octets a packet and the packet from its IP header on. With signatures, as the paper has it: 16 octets of MD5
in place of each payload, and each payload once a sensor and day. Compressed: pcap by zstd, of a sample. Stored: the
files of the store or lake, which hold all of pcap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import Finding
from ims.analyse.intervals import FEWEST, Interval, of_means
from ims.analyse.question import LEVEL
from ims.analyse.questions.storage import A_DAY, SMALLER
from ims.analyse.result import Estimate, schema
from ims.analyse.storage.data import Data, data
from ims.analyse.storage.figure import figure, plot
from ims.analyse.storage.sample import LEVEL as ZSTD
from ims.analyse.storage.sample import ratio_of, ratios_of_bins
from ims.query.bins import bin_origin
from ims.settings.durations import DAY_US, HOUR_US, SECOND_US
from ims.text import quantity

__all__ = ["data", "figure", "model", "plot"]
Array = np.ndarray[Any, Any]
ANALYSIS = ANALYSES["storage"]
FORMS = ("pcap", "pcap.zst", "signatures", "stored")
LEAST_SECONDS = HOUR_US / SECOND_US
"""Of a watch: of a moment's packets, what a day would bring is a wild guess."""
_METHOD = "ratio of sums over hours in their order, long-run variance (Lazarus et al., 2018)"


def model(data: Data) -> Finding:
    """Bytes a day as pcap, by how much other forms are smaller, and each by bin."""
    notes = _notes(data)
    if not data.counts["packets"].sum():
        return Finding({}, _none("columns"), _none("series"), tuple(notes))
    ratio = ratio_of(data.ratios, data.is_whole, LEVEL) if len(data.ratios) else None
    forms = _by_bin(data)
    options = {"bin": "1h"} if data.is_widened else {}
    return Finding(_estimates(data, ratio), _rows(data, forms), _series(data, forms), tuple(notes), options)


def _estimates(data: Data, ratio: Interval | None) -> dict[str, Estimate]:
    kept = data.pcap > 0
    pcap = data.pcap[kept]
    days = data.watched * SECOND_US / DAY_US
    found = {}
    if data.watched.sum() >= LEAST_SECONDS:
        mean = of_means(data.pcap, days)  # hours in which nothing came, too
        unbounded = Interval(mean.value, -np.inf, np.inf)
        found["pcap"] = _estimate(mean if len(pcap) >= FEWEST else unbounded, A_DAY, _METHOD)
    if ratio is not None and ratio.value > 0:
        how = f"zstd level {ZSTD}, " + ("all packets" if data.is_whole else f"mean of {len(data.ratios)} places")
        found["pcap_zst"] = _estimate(_inverse(ratio), SMALLER, how)
    for name, octets in (("signatures", data.signatures), ("stored", data.stored if data.are_files_known else None)):
        if octets is not None and octets.sum() > 0:
            found[name] = _estimate(_inverse(of_means(octets[kept], pcap)), SMALLER, _METHOD)
    return found


def _inverse(ratio: Interval) -> Interval:
    low = -np.inf if np.isinf(ratio.high) else 1 / ratio.high
    return Interval(1 / ratio.value, low, np.inf if ratio.low <= 0 else 1 / ratio.low)


def _estimate(interval: Interval, unit: str, method: str) -> Estimate:
    value, low, high = (float(each) if np.isfinite(each) else None for each in interval)
    return Estimate(value, low, high, unit, method)


def _by_bin(data: Data) -> dict[str, Array]:
    """Octets of each watched bin: (n,), or (3, n) with an interval of the compressed ones; NaN where not known."""
    origin = bin_origin(data.width)
    begins = data.hours - (data.hours - origin) % data.width
    at = np.searchsorted(data.time, begins)
    inside = at < len(data.time)
    inside[inside] = data.time[at[inside]] == begins[inside]

    def summed(values: Array) -> Array:
        return np.bincount(at[inside], values[inside], len(data.time))

    pcap = summed(data.pcap)
    unknown = np.full(len(data.time), np.nan)
    sampled = pcap * ratios_of_bins(data.ratios, data.is_whole, pcap / data.pcap.sum(), LEVEL)
    return {
        "packets": summed(data.counts["packets"]), "pcap": pcap, "pcap.zst": sampled,
        "signatures": summed(data.signatures), "stored": summed(data.stored) if data.are_files_known else unknown,
    }  # fmt: skip


def _rows(data: Data, forms: Mapping[str, Array]) -> pa.Table:
    value, low, high = forms["pcap.zst"]
    columns = {
        "packets": forms["packets"], "pcap": forms["pcap"], "pcap_zst": value, "pcap_zst_low": low,
        "pcap_zst_high": high, "signatures": forms["signatures"], "stored": forms["stored"],
    }  # fmt: skip
    target = schema(ANALYSIS.columns)
    time = arrow.column(data.time, pa.timestamp("us", "UTC"))
    return pa.table([time, *(arrow.known(columns[f.name], f.type) for f in list(target)[1:])], schema=target)


def _series(data: Data, forms: Mapping[str, Array]) -> pa.Table:
    target = schema(ANALYSIS.series)
    tables = []
    for form in FORMS:
        value, low, high = forms[form] if form == "pcap.zst" else (forms[form], *[np.full(len(data.time), np.nan)] * 2)
        tables.append(pa.table([
            arrow.column(data.time, pa.timestamp("us", "UTC")), arrow.column(data.seconds, pa.float64()),
            pa.repeat(form, len(data.time)), *(arrow.known(each, pa.float64()) for each in (value, low, high)),
        ], schema=target))  # fmt: skip
    return pa.concat_tables(tables)


def _none(of: str) -> pa.Table:
    return pa.Table.from_batches([], schema(getattr(ANALYSIS, of)))


def _notes(data: Data) -> list[str]:
    if not data.counts["packets"].sum():
        return ["no packet came, so there is nothing to store"]
    notes = []
    if not data.can_sample:
        notes.append("pcap.zst is compressed from packets, which this role can't export: it isn't known")
    elif not len(data.ratios):
        notes.append("no packet was at the places of the sample, so pcap.zst isn't known")
    if not data.are_files_shown:
        notes.append("what is stored isn't known: this role isn't shown files")
    elif not data.is_all:
        notes.append("files hold all packets, so what the filter's take of them isn't known; ask without a filter")
    if cut := int(data.counts["truncated"].sum()):
        notes.append(f"{quantity(cut, 'packet')} cut by the capture, which count as long as they were on the wire")
    if (data.pcap > 0).sum() < FEWEST:
        notes.append(
            f"packets came in fewer than {FEWEST} hours: what varies from hour to hour isn't known, so only what is of "
            "a sample has intervals"
        )
    if data.watched.sum() < LEAST_SECONDS:
        notes.append("watched for less than an hour, so bytes a day aren't known")
    if data.is_widened:
        notes.append("files are of whole hours, so bins are of an hour")
    return notes
