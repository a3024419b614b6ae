"""What made a block's hit rate dip: ports to which more payloads came that were new, and what these payloads are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims.analyse.intervals import of_counts
from ims.packet.field_values import PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP
from ims.query.language.syntax_tree import Expression, Has, Not, Or, Port, Protocol
from ims.text import printable_octets

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence

LEAST_SHARE = 0.1
"""Of the payloads beyond the usual number: a port with less isn't named as a cause."""
MOST_CAUSES = 10
"""Of a dip: each takes three questions."""
LOOKED_AT = 50
"""Payloads of a cause."""
MOST = 0.8
"""Share of these payloads that is said to begin alike."""
SHOWN_OCTETS = 32
NAMES = {PROTOCOL_ICMP: "icmp", PROTOCOL_TCP: "tcp", PROTOCOL_UDP: "udp", PROTOCOL_SCTP: "sctp"}
_PORTED = Or((Protocol(PROTOCOL_TCP), Protocol(PROTOCOL_UDP), Protocol(PROTOCOL_SCTP)))
NEW, PAYLOAD = Has("new"), Has("payload")
"""Packets whose payload is new, or that have one: half as slow as the metrics, which look at all packets (20 million:
0.12 and 0.25 s)."""
ByPort = Mapping[int | None, float]


@dataclass(frozen=True)
class Cause:
    """A port, or what has none (`port` None), with the new payloads that came to it in a dip, and how many are usual in
    a time as long; their sources; lengths in octets, and how most begin, of LOOKED_AT of them (None: not shown)."""

    protocol: str
    port: int | None
    new: int
    usual: float
    sources: int | None
    lengths: tuple[int, int] | None
    begins: str | None


def new_by_port(evidence: Evidence, rows: int) -> dict[int | None, float]:
    """New payloads by destination port, of those ports with the most."""
    table = evidence.narrowed(NEW).top("destination_port", rows=rows)
    return dict(zip(table.column("destination_port").to_pylist(), table.column("value").to_pylist(), strict=True))


def causes_of(evidence: Evidence, found: ByPort, usual: ByPort, excess: float) -> list[Cause]:
    """The causes of a dip, the largest first: few, as each has a tenth. `evidence`: of its block and time; `found`: new
    payloads by port in it; `usual`: those of a time as long; `excess`: new payloads beyond the usual number."""
    more = {port: value - usual.get(port, 0.0) for port, value in found.items()}
    ports = [port for port in more if more[port] >= LEAST_SHARE * excess and _is_beyond(found[port], usual.get(port))]
    ports = sorted(ports, key=lambda port: -more[port])[:MOST_CAUSES]
    return [_cause(evidence, port, int(found[port]), usual.get(port, 0.0)) for port in ports]


def _is_beyond(new: float, usual: float | None) -> bool:
    """Whether the interval of a Poisson count is above what is usual."""
    return float(of_counts(np.array([new]))[0][0]) > (usual or 0.0)


def _cause(evidence: Evidence, port: int | None, new: int, usual: float) -> Cause:
    narrow = evidence.narrowed(NEW).narrowed(_to(port))
    protocols = narrow.top("protocol", rows=1)
    number = _first(protocols, "protocol")
    protocol = NAMES.get(number, f"protocol {number}")
    if number is not None:
        narrow = narrow.narrowed(Protocol(number))
    sources = narrow.top("block", "sources", 1)
    octets = [each for each in narrow.payloads(LOOKED_AT).column("payload").to_pylist() if each is not None]
    lengths = (min(map(len, octets)), max(map(len, octets))) if octets else None
    return Cause(protocol, port, new, usual, _first(sources, "value"), lengths, common_begin(octets))


def _first(table: pa.Table, name: str) -> Any:
    return table.column(name)[0].as_py() if len(table) else None


def _to(port: int | None) -> Expression:
    return Not(_PORTED) if port is None else Port("destination", port, port, None)


def common_begin(payloads: Sequence[bytes]) -> str | None:
    """How most of them begin, as text with dots; empty if they begin differently."""
    if not payloads:
        return None
    for length in range(SHOWN_OCTETS, 0, -1):
        begins = Counter(each[:length] for each in payloads if len(each) >= length)
        octets, times = max(begins.items(), key=lambda pair: pair[1], default=(b"", 0))
        if times >= MOST * len(payloads):
            return printable_octets(octets)
    return ""
