"""A source's connections: packets between the same two ports, counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ims.analyse.exchange.packets import Packet, protocol_name
from ims.analyse.exchange.replies import Exchange


def connections_of(packets: Sequence[Packet], replies: Exchange) -> list[dict[str, Any]]:
    """A row for each, the one that began first before the others. `packets`: in the order of time."""
    found: dict[tuple[object, ...], dict[str, Any]] = {}
    for packet, verdict in zip(packets, replies.verdicts, strict=True):
        row = found.setdefault(packet.connection, {
            "time": packet.time, "block": packet.block, "destination": packet.destination,
            "protocol": protocol_name(packet.protocol), "source_port": packet.source_port,
            "destination_port": packet.destination_port, "packets": 0, "replies": 0, "verified": 0, "octets": 0,
        })  # fmt: skip
        row["packets"] += 1
        row["replies"] += verdict.reply is not None
        row["verified"] += bool(packet.verified)
        row["octets"] += packet.payload_length
    return list(found.values())
