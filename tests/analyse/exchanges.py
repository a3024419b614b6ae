"""A source's packets as a responder's kernels decided about them, and what was replied, for tests without a network."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from ims.analyse.exchange.answering import Answering
from ims.analyse.exchange.packets import Packet
from ims.records import ICMP, ICMP_CODE, ICMP_REST, PORTS, TCP, TCP_OPTIONS
from ims.respond.policy_text import policy_text, recorded_policy

from ..respond.answers import Desk

SOURCE, DARK = "192.0.2.1", "198.51.100.7"
BEGIN = 1_772_582_400_000_000
SYN, ACK, FIN, RST, PSH = 2, 16, 1, 4, 8


def packet(flags: int | None = SYN, at: float = 0, **columns: Any) -> Packet:
    """A packet at `at` seconds: TCP from port 1025 to 80, unless said otherwise."""
    usual = {
        "time": BEGIN + round(at * 1e6), "sensor": "a", "block": "C/24", "destination": DARK, "protocol": 6,
        "source_port": 1025, "destination_port": 80, "icmp_type": None, "icmp_code": None, "icmp_rest": None,
        "checksum": 0, "tcp_flags": flags, "tcp_sequence": 1000, "tcp_acknowledgment": 0, "tcp_options": "",
        "ip_fragment": 0, "payload_length": 0, "signature": None, "verified": False, "truncated": False,
    }  # fmt: skip
    if flags is None:
        usual |= dict.fromkeys(("tcp_sequence", "tcp_acknowledgment", "tcp_options"))
    return Packet(**usual | columns)


def udp(at: float = 0, **columns: Any) -> Packet:
    return packet(None, at, protocol=17, **columns)


def echo(at: float = 0, **columns: Any) -> Packet:
    """An echo request."""
    icmp = {
        "protocol": 1,
        "source_port": None,
        "destination_port": None,
        "icmp_type": 8,
        "icmp_code": 0,
        "icmp_rest": 7,
    }
    return packet(None, at, **icmp | columns)


def answering(policy: Any = "ack", echo: bool = False, limit: int = 65_536) -> Answering:
    """As coverage has it of one block."""
    text = policy_text(policy, echo, limit)
    networks = {"a": frozenset(["198.51.100.0/24"])}
    return Answering({("a", "C/24"): [(BEGIN - 1, text)]}, {text: recorded_policy(text)}, networks)


def options_of(frame: bytes, layers: int) -> str | None:
    """Of an Ethernet frame with an IPv4 header without options, in hex."""
    return frame[54 : 34 + (frame[46] >> 4) * 4].hex() if layers & TCP_OPTIONS else None


def asked(desk: Desk, frames: Sequence[bytes], at: float) -> tuple[list[Packet], list[bytes]]:
    """What a store keeps of frames that a responder gets at `at` seconds, and its replies."""
    replies = desk.answer(*frames)
    rows, found = desk.rows, []
    for row in range(desk.filled):
        layers = int(rows.layers[row])

        def told(name: str, layer: int, row: int = row, layers: int = layers) -> int | None:
            return int(getattr(rows, name)[row]) if layers & layer else None

        found.append(packet(
            told("tcp_flags", TCP), at, destination=socket.inet_ntoa(int(rows.destination[row]).to_bytes(4, "big")),
            protocol=int(rows.protocol[row]), source_port=told("source_port", PORTS),
            destination_port=told("destination_port", PORTS), icmp_type=told("icmp_type", ICMP),
            icmp_code=told("icmp_code", ICMP_CODE), icmp_rest=told("icmp_rest", ICMP_REST),
            checksum=int(rows.checksum[row]), tcp_sequence=told("tcp_sequence", TCP),
            tcp_acknowledgment=told("tcp_acknowledgment", TCP), tcp_options=options_of(frames[row], layers),
            ip_fragment=int(rows.ip_fragment[row]), payload_length=int(rows.payload_length[row]),
            verified=bool(rows.verified[row]), truncated=bool(rows.truncated[row]),
        ))  # fmt: skip
    return found, replies
