"""Ports without a well-known service whose traffic changed its level (paper, section 3.1 and Figure 6): when, and by
how much, with a rate of false discovery over all ports of two protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.change_point import Ratio
from ims.analyse.execution import Finding
from ims.analyse.intervals import of_counts
from ims.analyse.ports.counts import Bins, Data, Named
from ims.analyse.ports.data import TESTS, data
from ims.analyse.ports.dates import Change, changes
from ims.analyse.ports.false_discovery import true_at_least
from ims.analyse.ports.figure import figure, plot
from ims.analyse.ports.services import services
from ims.analyse.question import LEVEL, MOMENT
from ims.analyse.result import Estimate, schema
from ims.settings.durations import written_duration
from ims.text import quantity

__all__ = ["Data", "data", "figure", "model", "plot"]
ANALYSIS = ANALYSES["ports"]
Array = np.ndarray[Any, Any]
_COUNTED = "Benjamini and Hochberg's rate of false discovery; lower end for all that are named at once"
_DATED = "likelihood of a date within its bin, its interval by series that are drawn"


@dataclass(frozen=True)
class Port:
    """A port that is named, and its changes."""

    named: Named
    changes: Sequence[Change]

    @property
    def step(self) -> float:
        """That of its greatest change."""
        return max(each.step for each in self.changes)


def model(data: Data) -> Finding:
    """The ports whose level changed, the one with the greatest change first."""
    answered = {} if data.bins.width == data.asked else {"bin": written_duration(data.bins.width)}
    notes = _notes(data)
    if len(data.bins) < 2 * data.fewest:
        return Finding({}, *_empty(), (*notes, _too_short(data)), answered)
    if not data.came:
        none = "no TCP or UDP packets matched but backscatter, so there is nothing to estimate from"
        return Finding({}, *_empty(), (*notes, none), answered)
    ports = sorted((Port(each, changes(data, each)) for each in data.named), key=lambda port: -port.step)
    surely = true_at_least(np.array([each.changes.p for each in data.named]), TESTS, LEVEL)
    estimates = {"ports": Estimate(len(ports), surely, None, "ports", _COUNTED)}
    if ports:
        estimates["greatest_change"] = _greatest(ports)
    else:
        which = "port's level" if data.well_known else "level of a port without a well-known service"
        notes.append(f"no {which} is told to have changed, so there is no greatest change")
    rows = [row for port in ports for row in _rows(port)]
    table = arrow.table(rows, schema(ANALYSIS.columns))
    series = pa.concat_tables([_empty()[1], *(_series(port, data.bins) for port in ports)])
    return Finding(estimates, table, series, tuple(notes), answered)


def _empty() -> tuple[pa.Table, pa.Table]:
    rows, series = (pa.Table.from_batches([], schema(each)) for each in (ANALYSIS.columns, ANALYSIS.series))
    return rows, series


def _too_short(data: Data) -> str:
    each = written_duration(data.bins.width)
    return (
        f"too short to tell two levels: of bins of {each}, {len(data.bins)} had anything watched, where it takes "
        f"{2 * data.fewest}"
    )


def _notes(data: Data) -> list[str]:
    notes = ["packets are those of TCP without backscatter, and of UDP"]
    if not data.well_known:
        notes.append(
            f"ports with a well-known service are left out, by IANA's table of {services().date} and Debian's; "
            "--well-known takes them, too"
        )
    if data.bins.width != data.asked:
        asked, shown = written_duration(data.asked), written_duration(data.bins.width)
        notes.append(f"bins are {shown} wide, since those of {asked} are too many, or have too many rows")
    if data.unconfirmed:
        notes.append(
            "left out, since their packets changed but not their sources, as with one busy host: "
            f"{quantity(data.unconfirmed, 'port')}"
        )
    narrow = {} if data.narrow is None else data.narrow.packets
    if wide := sum(each.name not in narrow for each in data.named):
        notes.append(
            f"dated by bins of {written_duration(data.bins.width)} alone, so that a port which is busier by day may "
            f"seem to change hours late: {quantity(wide, 'port')}"
        )
    if data.omitted:
        notes.append(f"not looked at closely, since others tell more: {quantity(data.omitted, 'port')}")
    return notes


def _greatest(ports: Sequence[Port]) -> Estimate:
    change = max((change for port in ports for change in port.changes), key=lambda each: each.step)
    at, low, high = map(_time, (change.at, change.low, change.high))
    return Estimate(at, low, high, MOMENT, _DATED)


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else arrow.EPOCH + timedelta(microseconds=micros)


def _rows(port: Port) -> list[dict[str, Any]]:
    suspect = port.named.suspect
    named = {
        "protocol": suspect.protocol, "port": suspect.port, "q_value": port.named.q,
        "service": services().names.get((suspect.protocol, suspect.port)),
    }  # fmt: skip
    return [
        named
        | {"changed_at": each.at, "changed_at_low": each.low, "changed_at_high": each.high}
        | _ends("before", each.before.rate)
        | _ends("after", each.after.rate)
        | _ends("ratio", each.after.by(each.before))
        for each in port.changes
    ]


def _ends(name: str, interval: Ratio | tuple[float, float, float]) -> dict[str, float | None]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), interval, strict=True))


def _series(port: Port, bins: Bins) -> pa.Table:
    """What the figure draws of a port. The interval of a bin is that of a Poisson count; bins within which the level
    changed have none of it."""
    count, suspect = len(bins), port.named.suspect
    low, high = of_counts(suspect.packets)
    level = np.full(count, np.nan)
    ends = [int(bins.time[0]), *(each.at for each in port.changes), int(bins.time[-1]) + bins.width]
    levels = [port.changes[0].before, *(each.after for each in port.changes)]
    for each, since, until in zip(levels, ends, ends[1:], strict=False):
        level[(bins.time >= since) & (bins.time + bins.width <= until)] = each.rate.value
    columns = {
        "time": arrow.column(bins.time, pa.timestamp("us", "UTC")),
        "protocol": pa.array([suspect.protocol] * count, pa.string()),
        "port": pa.array([suspect.port] * count, pa.int64()),
        "seconds": arrow.column(bins.seconds, pa.float64()),
        "packets": arrow.column(suspect.packets.astype(np.int64), pa.int64()),
        "rate": arrow.column(suspect.packets / bins.exposure, pa.float64()),
        "low": arrow.column(low / bins.exposure, pa.float64()),
        "high": arrow.column(high / bins.exposure, pa.float64()),
        "level": pa.array(level, pa.float64(), from_pandas=True),
    }
    target = schema(ANALYSIS.series)
    return pa.table([columns[name] for name in target.names], schema=target)
