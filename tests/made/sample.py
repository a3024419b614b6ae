"""A day of dark traffic to 198.51.100.0/24 (RFC 5737), made without the simulator: a capture whose truth is known.

What a telescope sees (paper, sections 2 and 3) in plausible shares: scans with and without a payload drawn
out by the responder, a worm in single UDP packets, UDP probes, backscatter of attacks on others. The same
seed gives the same bytes on every machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ims.packet.field_values import ACK, PSH, RST, SYN
from ims.simulate.random_columns import RandomColumns
from ims.simulate.scenario import payloads as said

from .wire import (
    DONT_FRAGMENT,
    ICMP,
    TCP,
    UDP,
    Numbers,
    Packets,
    Payloads,
    ip_headers,
    joined,
    packet_columns,
    pcap_records,
    write_pcap_header,
)

NETWORK = 198 << 24 | 51 << 16 | 100 << 8
MIDNIGHT_NS = 1_772_582_400 * 1_000_000_000
"""2026-03-04 00:00 UTC, a Wednesday"""
HOUR_NS = 3600 * 1_000_000_000

# Packets an hour, relative, 00:00 to 23:00 UTC: many infected machines are switched off at night.
HOURS = (
    62,
    55,
    50,
    47,
    46,
    48,
    53,
    61,
    72,
    84,
    94,
    101,
    106,
    109,
    111,
    112,
    111,
    109,
    105,
    99,
    92,
    84,
    76,
    69,
)

# Share of each kind, in thousandths; a scan more or less makes the number asked for. `session` is a SYN, and
# `session_payload` what the same source says 20 to 400 ms later, because the responder answered.
KINDS = {
    "scan": 270, "zmap": 100, "mirai": 100, "session": 155, "session_payload": 155, "probe": 120, "worm": 20,
    "syn_ack": 40, "reset": 20, "unreachable": 4, "echo": 16,
}  # fmt: skip
REPEATED = 0.96
"""share of packets with a payload whose payload came before (paper, section 2.3)"""

SCANNED = {23: 200, 22: 100, 445: 140, 80: 100, 3389: 80, 443: 50, 8080: 40, 2323: 30, 5555: 30, 6379: 20}
TAIL = 210
"""weight of all other ports together, which fall off as one over their rank (Zipf)"""


def write_sample(path: str | Path, packets: int = 50_000, seed: int = 1) -> dict[str, int]:
    """Write the capture (pcap, nanoseconds, Ethernet, sorted by time) and return the truth about it.

    The truth counts packets of each of KINDS, and `packets`, `tcp`, `udp`, `icmp`, `syn` (without ACK),
    `payloads` (packets with one), `signatures` (distinct payloads), `sources` and `destinations`. Raises
    ValueError for fewer than 1000 packets, OSError where the file can't be written.
    """
    columns, payloads, truth = make_sample(packets, seed)
    with Path(path).open("wb") as file:
        write_pcap_header(file, nanosecond=True)
        for begin in range(0, packets, 1 << 16):
            part = Packets(*[column[begin : begin + (1 << 16)] for column in columns])
            file.write(pcap_records(part, payloads, nanosecond=True).data)
    return truth


def make_sample(packets: int, seed: int) -> tuple[Packets, Payloads, dict[str, int]]:
    """The sample's packets in the order of time, its payloads, and the truth about both."""
    if packets < 1000:
        raise ValueError(f"a sample of {packets} packets: expected 1000 or more, so that every kind occurs")
    share = {kind: packets * part // 1000 for kind, part in KINDS.items()}
    share["scan"] += packets - sum(share.values())
    dice, shelf = RandomColumns(seed), _Shelf()

    parts = {
        "scan": _scan(dice, share["scan"]),
        "zmap": _zmap(dice, share["zmap"]),
        "mirai": _mirai(dice, share["mirai"]),
        "session": _session(dice, share["session"]),
        "probe": _probe(dice, share["probe"], shelf),
        "worm": _worm(dice, share["worm"], shelf),
        "syn_ack": _backscatter(dice, share["syn_ack"], SYN | ACK),
        "reset": _backscatter(dice, share["reset"], RST | ACK),
        "unreachable": _unreachable(dice, share["unreachable"], shelf),
        "echo": _echo(dice, share["echo"], shelf),
    }
    with_payload = sum(share[k] for k in ("session_payload", "probe", "worm", "unreachable", "echo"))
    distinct = round(with_payload * (1 - REPEATED))
    parts["session_payload"] = _session_payload(dice, parts["session"], shelf, distinct)

    columns, payloads = joined(list(parts.values())), Payloads.of(shelf.contents)
    truth = {kind: part.time_ns.size for kind, part in parts.items()}
    return columns, payloads, truth | _totals(columns)


class _Shelf:
    """Payloads by number, each content once; 0 is the empty payload."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self._number: dict[bytes, int] = {}

    def put(self, contents: Any) -> Numbers:
        for content in contents:
            if content not in self._number:
                self.contents.append(content)
                self._number[content] = len(self.contents)
        return np.array([self._number[content] for content in contents], np.int64)


def _packets(dice: RandomColumns, count: int, **columns: Any) -> Packets:
    """Packets to the network at any time of the day, with what is named set, and the rest plausible."""
    hour = dice.pick(np.arange(24), count, HOURS)
    plausible = {
        "time_ns": MIDNIGHT_NS + hour * HOUR_NS + dice.below(HOUR_NS, count),
        "destination": NETWORK + dice.below(256, count),
        "ttl": dice.pick([64, 128, 255], count, [5, 3, 2]) - 6 - dice.below(18, count),
        "ip_id": dice.below(1 << 16, count),
        "source_port": 1024 + dice.below(64_512, count),
    }
    return packet_columns(count, **plausible | columns)


def _scan_ports(dice: RandomColumns, count: int) -> Numbers:
    """Ports that scanners choose: SCANNED, and a Zipf tail in an order that looks like none."""
    rank = np.arange(1, 2001)
    tail = rank * 7919 % 65_521 + 1
    weights = 1 / rank
    return dice.pick([*SCANNED, *tail], count, [*SCANNED.values(), *(TAIL / weights.sum() * weights)])


def _scan(dice: RandomColumns, count: int) -> Packets:
    """SYNs of full TCP stacks: a source keeps its address, the rest is its system's choice."""
    source = dice.pick(dice.address(1 + count // 12), count)
    return _packets(
        dice, count, source=source, protocol=TCP, flags=SYN, ip_fragment=DONT_FRAGMENT,
        destination_port=_scan_ports(dice, count), sequence=dice.below(1 << 32, count),
        window=dice.pick([8192, 29_200, 64_240, 65_535], count), options=dice.pick([2, 3], count, [2, 1]),
        timestamp=dice.below(1 << 32, count),
    )  # fmt: skip


def _zmap(dice: RandomColumns, count: int) -> Packets:
    """ZMap's mark is the IP ID 54321 (Durumeric et al., 2013); few sources, each on one port."""
    pool = dice.address(1 + count // 500)
    which = dice.below(pool.size, count)
    return _packets(
        dice, count, source=pool[which], protocol=TCP, flags=SYN, ip_id=54_321, window=65_535,
        destination_port=_scan_ports(dice, pool.size)[which], sequence=dice.below(1 << 32, count),
        ttl=255 - 6 - which % 14,
    )  # fmt: skip


def _mirai(dice: RandomColumns, count: int) -> Packets:
    """Mirai's mark: the sequence number is the destination address (Antonakakis et al., 2017)."""
    destination = NETWORK + dice.below(256, count)
    return _packets(
        dice, count, source=dice.pick(dice.address(1 + count // 4), count), destination=destination,
        protocol=TCP, flags=SYN, sequence=destination, window=dice.below(1 << 16, count),
        destination_port=dice.pick([23, 2323], count, [9, 1]),
    )  # fmt: skip


def _session(dice: RandomColumns, count: int) -> Packets:
    """SYNs of sources that will go on once answered, on ports for which we know what they say."""
    ports = list(said.BY_TCP_PORT)
    weights = [SCANNED.get(port, 20) for port in ports]
    syn = _packets(
        dice, count, source=dice.pick(dice.address(1 + count // 6), count), protocol=TCP, flags=SYN,
        ip_fragment=DONT_FRAGMENT, destination_port=dice.pick(ports, count, weights), window=64_240,
        options=2, sequence=dice.below(1 << 32, count), timestamp=dice.below(1 << 32, count),
    )  # fmt: skip
    # What follows shall not slip into the next day.
    return syn._replace(time_ns=np.minimum(syn.time_ns, MIDNIGHT_NS + 24 * HOUR_NS - 1_000_000_000))


def _session_payload(dice: RandomColumns, syn: Packets, shelf: _Shelf, distinct: int) -> Packets:
    """What each session says next; random bytes bring the shelf to `distinct` payloads, if it has fewer."""
    count = syn.time_ns.size
    payload = np.zeros(count, np.int64)
    for port, contents in said.BY_TCP_PORT.items():
        chosen = np.flatnonzero(syn.destination_port == port)
        payload[chosen] = dice.pick(shelf.put(contents), chosen.size, range(len(contents), 0, -1))
    fresh = max(0, distinct - len(shelf.contents))
    once = shelf.put([dice.bytes(16 + length) for length in dice.below(200, fresh).tolist()])
    payload[np.argsort(dice.below(1 << 62, count), kind="stable")[:fresh]] = once
    later = 20_000_000 + dice.below(380_000_000, count)
    return syn._replace(
        time_ns=syn.time_ns + later, ip_id=(syn.ip_id + 1) & 0xFFFF, sequence=(syn.sequence + 1) & 0xFFFFFFFF,
        acknowledgment=dice.below(1 << 32, count), flags=np.full(count, PSH | ACK), payload=payload,
        options=np.full(count, 4), timestamp=(syn.timestamp + later // 1_000_000) & 0xFFFFFFFF,
    )  # fmt: skip


def _probe(dice: RandomColumns, count: int, shelf: _Shelf) -> Packets:
    """Single probes, one source for many."""
    ports = list(said.BY_UDP_PORT)
    port = dice.pick(ports, count, [30, 25, 15, 12, 15, 6])
    payload = np.zeros(count, np.int64)
    for number, contents in said.BY_UDP_PORT.items():
        chosen = np.flatnonzero(port == number)
        payload[chosen] = dice.pick(shelf.put(contents), chosen.size)
    source = dice.pick(dice.address(1 + count // 40), count)
    return _packets(dice, count, source=source, protocol=UDP, destination_port=port, payload=payload)


def _worm(dice: RandomColumns, count: int, shelf: _Shelf) -> Packets:
    """One packet an infection attempt, from many sources, each to random addresses."""
    return _packets(
        dice, count, source=dice.pick(dice.address(1 + count // 5), count), protocol=UDP,
        destination_port=1434, payload=shelf.put([said.WORM])[0],
    )  # fmt: skip


def _backscatter(dice: RandomColumns, count: int, flags: int) -> Packets:
    """Answers of attacked servers to spoofed addresses of ours (Moore et al., 2001): few victims."""
    victims = dice.address(1 + count // 200)
    which = dice.below(victims.size, count)
    return _packets(
        dice, count, source=victims[which], protocol=TCP, flags=flags, ip_fragment=DONT_FRAGMENT,
        source_port=dice.pick([80, 443, 22, 53], victims.size)[which],
        destination_port=1024 + dice.below(64_512, count), sequence=dice.below(1 << 32, count),
        acknowledgment=dice.below(1 << 32, count), window=0 if flags & RST else 29_200,
        options=0 if flags & RST else 1,
    )  # fmt: skip


def _unreachable(dice: RandomColumns, count: int, shelf: _Shelf) -> Packets:
    """ICMP errors that quote the IP header and 8 octets of what was spoofed in our name (RFC 792)."""
    victim = dice.pick(dice.address(3), count)
    destination = NETWORK + dice.below(256, count)
    cause = packet_columns(
        count, source=destination, destination=victim, protocol=TCP, flags=SYN, ttl=44, window=512,
        ip_id=dice.below(1 << 16, count), source_port=1024 + dice.below(64_512, count),
        destination_port=80, sequence=dice.below(1 << 32, count),
    )  # fmt: skip
    quotes = [quote.tobytes() for quote in ip_headers(cause, Payloads.of([]), 8)]
    return _packets(
        dice, count, source=victim, destination=destination, protocol=ICMP, icmp_type=3,
        icmp_code=dice.pick([1, 3, 10, 13], count), payload=shelf.put(quotes),
    )  # fmt: skip


def _echo(dice: RandomColumns, count: int, shelf: _Shelf) -> Packets:
    """Pings."""
    return _packets(
        dice, count, source=dice.pick(dice.address(1 + count // 20), count), protocol=ICMP, icmp_type=8,
        icmp_rest=dice.below(1 << 32, count), payload=dice.pick(shelf.put(said.ECHO), count),
    )  # fmt: skip


def _totals(columns: Packets) -> dict[str, int]:
    tcp = columns.protocol == TCP
    return {
        "packets": columns.time_ns.size,
        "tcp": int(tcp.sum()),
        "udp": int((columns.protocol == UDP).sum()),
        "icmp": int((columns.protocol == ICMP).sum()),
        "syn": int((tcp & (columns.flags == SYN)).sum()),
        "payloads": int((columns.payload > 0).sum()),
        "signatures": int(np.unique(columns.payload[columns.payload > 0]).size),
        "sources": int(np.unique(columns.source).size),
        "destinations": int(np.unique(columns.destination).size),
    }
