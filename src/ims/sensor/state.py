"""A live sensor at one moment, for metrics, the live line and the summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class State:
    """Counts since the start, except where noted."""

    frames: int = 0
    """taken from the rings"""
    lost_in_ring: int = 0
    """packets for which the kernel found no room"""
    not_stored: int = 0
    """packets that came when the store couldn't be written"""
    stored: int = 0
    """packets that are safe on disk"""
    books: Counter[str] = field(default_factory=Counter)
    """frames by verdict (decode/verdict.py)"""
    packets: Counter[str] = field(default_factory=Counter)
    """by block"""
    replied: dict[str, Counter[str]] = field(default_factory=dict)
    """by block and name (respond/reply.py, COUNTERS)"""
    payloads: int = 0
    new_payloads: int = 0
    payloads_lost: int = 0
    ring_fill: dict[str, float] = field(default_factory=dict)
    """by worker, now: 0 to 1"""
    lag_seconds: float = 0.0
    """how long the last checkpoint took"""
    checkpoints: int = 0
    store_failing: str | None = None
    payloads_wanted: bool = True
    """False while there is too little disk for payloads"""
    free_bytes: int = 0
    keep_free_bytes: int = 0
    interfaces: dict[str, bool] = field(default_factory=dict)
    """whether each is up; none for a replay"""
    send_failing: dict[str, str] = field(default_factory=dict)
    """by worker: why replies aren't sent now"""
    newest_us: int = 0
    """time of the newest packet"""
    ports: list[tuple[int, int]] = field(default_factory=list)
    """the commonest recent destination ports, and their packets"""
    newest_payload: bytes = b""

    def sum_of(self, *names: str) -> int:
        """Of counters of `replied`, over all blocks."""
        return sum(counted[name] for counted in self.replied.values() for name in names)
