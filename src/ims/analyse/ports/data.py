"""What changes of ports are found in: packets by port and bin, what was watched, and the sources of suspect ports.

Backscatter is left out: of TCP it comes to ports that its victim was attacked from, which say nothing of a service.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.level_changes import Changes, changes_in
from ims.analyse.level_screen import suspicion
from ims.analyse.ports.confirmation import confirmed
from ims.analyse.ports.counts import Bins, Data, Narrow, Suspect
from ims.analyse.ports.false_discovery import q_values
from ims.analyse.ports.services import services
from ims.packet.field_values import PROTOCOL_TCP, PROTOCOL_UDP
from ims.query.errors import NotShownError, QuestionError
from ims.query.language.syntax_tree import And, Expression, Named, Not, Or, Port, Protocol
from ims.settings.durations import DAY_US, SECOND_US

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence
    from ims.analyse.options import Options

Array = np.ndarray[Any, Any]
PROTOCOLS = {"tcp": PROTOCOL_TCP, "udp": PROTOCOL_UDP}
TESTS = len(PROTOCOLS) << 16
MOST_BINS = 400
"""In which levels are looked for: a year of days. Time grows with their square."""
MOST_ROWS = 4_000_000
"""Of a protocol's ports by bin: so many take 2 s and 300 MB."""
FACTORS = (1, 2, 4, 8, 16, 32, 64)
"""By which bins are made wider, where there are too many or too many rows; the last one's are refused."""
MOST_SUSPECTS = 1000
"""Ports whose sources are asked for: those whose packets tell a change best."""
MOST_CELLS = 200_000_000
"""Of all segments of all ports that are looked at closely: 8,656 ports of 152 bins, which take 3 ms each. Who sends to
all ports, unevenly, makes half of them suspect."""
PARTS, MOST_NARROW = 24, 1_000_000
"""Of a bin, by which a change is dated; rows of them, which 274 ports of 152 days have."""
AT_ONCE = 200
"""Ports in a filter."""


def data(evidence: Evidence, options: Options) -> Data:
    """Packets by port, and the sources of those whose packets may have changed."""
    asked, fdr = options.values["bin"], _share(options.values["fdr"])
    for factor in FACTORS:
        bins = _bins(evidence, asked * factor)
        if len(bins) > MOST_BINS:
            continue
        blank = Data(bins, asked, fdr, bool(options.values["well_known"]), 0)
        if len(bins) < 2 * blank.fewest:
            return blank
        try:
            tables = {name: _packets(evidence, bins, name) for name in PROTOCOLS}
        except NotShownError:
            raise
        except QuestionError:  # too many rows; a role's limit may be lower
            if factor == FACTORS[-1]:
                raise
            continue
        came = sum(int(each.counts.sum(dtype=np.int64)) for each in tables.values())
        if not blank.well_known:  # before they are tested: changes of theirs make no others' more likely
            tables = {name: each.without(services().well_known) for name, each in tables.items()}
        return _with_narrow(evidence, _with_named(evidence, replace(blank, came=came), tables))
    raise QuestionError(f"more than {MOST_BINS} bins, as wide as they may be; give a wider --bin, or a shorter time")


def _share(found: float) -> float:
    if not 0 < found < 1:
        raise QuestionError(f"fdr {found:g}: expected a share above 0 and below 1, such as 0.05")
    return found


def _bins(evidence: Evidence, width: int) -> Bins:
    table = evidence.darknet(width, None).sort_by("time")
    seconds, addresses = (arrow.floats(table.column(name)) for name in ("seconds", "addresses"))
    exposure = addresses / 256 * seconds / (DAY_US / SECOND_US)
    kept = exposure > 0
    return Bins(arrow.numbers(table.column("time"))[kept], seconds[kept], exposure[kept], width)


def of_protocol(name: str) -> Expression:
    """What is looked at."""
    protocol = Protocol(PROTOCOLS[name])
    return And((protocol, Not(Named("category", "backscatter")))) if name == "tcp" else protocol


@dataclass(frozen=True)
class _Ports:
    """Ports that came, int64 (p,), and their packets, uint32 (p, n)."""

    port: Array
    counts: Array

    def without(self, ports: frozenset[int]) -> _Ports:
        kept = ~np.isin(self.port, list(ports))
        return _Ports(self.port[kept], self.counts[kept])


def _packets(evidence: Evidence, bins: Bins, name: str) -> _Ports:
    table = evidence.series(bins.width, "destination_port", rows=MOST_ROWS, also=of_protocol(name))
    return _counts(table, bins)


def _counts(table: pa.Table, bins: Bins) -> _Ports:
    """Rows as a table of ports by bins; of bins in which nothing was watched, none."""
    table = table.filter(table.column("destination_port").is_valid())  # of a fragment that isn't the first, none
    ports, times = (arrow.numbers(table.column(name)) for name in ("destination_port", "time"))
    at = np.minimum(np.searchsorted(bins.time, times), max(len(bins) - 1, 0))
    inside = bins.time[at] == times if len(bins) else np.zeros(len(times), np.bool_)
    seen = np.flatnonzero(np.bincount(ports[inside], minlength=1))
    row = np.zeros(1 << 16, np.int64)
    row[seen] = np.arange(len(seen))
    counts = np.zeros((len(seen), len(bins)), np.uint32)
    counts[row[ports[inside]], at[inside]] = arrow.numbers(table.column("value"))[inside]
    return _Ports(seen, counts)


def _with_named(evidence: Evidence, blank: Data, tables: dict[str, _Ports]) -> Data:
    """With the ports that packets and sources tell to have changed."""
    found, omitted = _changes(blank, tables)
    every = sorted((changes.p, name, row) for name, rows in found.items() for row, changes in rows.items())
    q = q_values(np.array([p for p, _, _ in every]), TESTS)
    suspect = [(name, row) for (_, name, row), value in zip(every, q, strict=True) if value <= blank.fdr]
    ports = []
    for name, table in tables.items():
        chosen = sorted(row for protocol, row in suspect[:MOST_SUSPECTS] if protocol == name)
        sources = _of_ports(evidence, blank.bins, name, table.port[chosen], "sources")
        for row in chosen:
            port, packets = int(table.port[row]), table.counts[row].astype(np.float64)
            ports.append(confirmed(Suspect(name, port, packets, sources[port], found[name][row]), blank.bins))
    told = [each for each in ports if each.changes.begins]
    q = q_values(np.array([each.changes.p for each in told]), TESTS)
    named = [replace(each, q=float(value)) for each, value in zip(told, q, strict=True) if value <= blank.fdr]
    omitted += max(len(suspect) - MOST_SUSPECTS, 0)
    return replace(blank, omitted=omitted, unconfirmed=len(ports) - len(told), named=named)


def _changes(blank: Data, tables: dict[str, _Ports]) -> tuple[dict[str, dict[int, Changes]], int]:
    """By protocol and row, what packets tell of ports that may have changed; and how many of these are too many."""
    exposure, fewest = blank.bins.exposure, blank.fewest
    scores = {name: suspicion(each.counts, exposure, fewest) for name, each in tables.items()}
    every = np.sort(np.concatenate([each[each >= 1] for each in scores.values()]))[::-1]
    most = MOST_CELLS // len(exposure) ** 2
    least = every[most] if len(every) > most else 0.0
    found = {
        name: changes_in(table.counts, np.flatnonzero((scores[name] >= 1) & (scores[name] > least)), exposure, fewest)
        for name, table in tables.items()
    }
    return found, len(every) - sum(map(len, found.values()))


def _with_narrow(evidence: Evidence, found: Data) -> Data:
    """With narrower bins of the ports that are named, those that are told best if there isn't room for all."""
    width, room = found.bins.width // PARTS, MOST_NARROW // (len(found.bins) * PARTS)
    ports = [each.name for each in sorted(found.named, key=lambda each: each.changes.p)][:room]
    if not ports or width < SECOND_US or found.bins.width % PARTS:
        return found
    bins = _bins(evidence, width)
    packets: dict[tuple[str, int], Array] = {}
    try:
        for name in PROTOCOLS:
            chosen = np.array([port for protocol, port in ports if protocol == name], np.int64)
            packets |= {(name, port): each for port, each in _of_ports(evidence, bins, name, chosen, "packets").items()}
    except NotShownError:
        raise
    except QuestionError:  # more rows than a role's limit
        return found
    return replace(found, narrow=Narrow(bins, packets))


def _of_ports(evidence: Evidence, bins: Bins, name: str, ports: Array, metric: str) -> dict[int, Array]:
    """A metric of these ports in each bin."""
    counted = {int(port): np.zeros(len(bins)) for port in ports}
    for at in range(0, len(ports), AT_ONCE):
        terms = tuple(Port("destination", port, port, PROTOCOLS[name]) for port in ports[at : at + AT_ONCE].tolist())
        chosen = And((of_protocol(name), Or(terms) if len(terms) > 1 else terms[0]))
        table = evidence.series(bins.width, "destination_port", metric, MOST_ROWS, chosen)
        found = _counts(table, bins)
        counted |= dict(zip(found.port.tolist(), found.counts.astype(np.float64), strict=True))
    return counted
