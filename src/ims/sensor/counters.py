"""The books of a run: every frame in exactly one counter, and what became of payloads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ims.decode.frame_types import in_words
from ims.decode.verdict import COUNTERS, EXCLUSIVE, MEANING
from ims.text import quantity

MOST_TOLD = 8
"""Types of frames that a warning names; the report has all."""


@dataclass
class Report:
    """What an ingest says when it ends; `as_json` is what `--format json` prints.

    `frames` = `stored` + `outside` + `not_ipv4` + `malformed` + `unsupported_link`. `bytes_in` are octets of
    captures (after decompression), `bytes_stored` what the sensor's files grew by, `seconds` from the first
    octet read to the store closed, compaction included. `complete` is false where not everything of the captures was
    read, because they are damaged or the run was `interrupted`; `warnings` say what, and what else there is to know.
    """

    bytes_before: int = 0
    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))
    payloads: int = 0
    new_payloads: int = 0
    payloads_undeduplicated: int = 0
    payloads_lost: int = 0
    frames_lost: int = 0
    resumed: int = 0
    bytes_in: int = 0
    bytes_stored: int = 0
    not_read: list[dict[str, Any]] = field(default_factory=list)
    """link types and Ethernet types of frames that count as `unsupported_link` or `not_ipv4` (ARP and IPv6 apart)"""
    retained: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    damaged: bool = False
    """not all of the captures could be read: cut off, damaged, ending in zeros"""
    interrupted: bool = False
    """stopped by a signal; the same command goes on"""
    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether everything of all captures was read."""
        return not self.damaged and not self.interrupted

    def nothing_stored(self) -> str | None:
        """Why frames came and none was stored; None where it isn't so."""
        if self.counters.get("stored") or not self.counters.get("frames"):
            return None
        known = [
            f"{self.counters[name]:,} {word}"
            for name, word in (("arp", "ARP"), ("ipv6", "IPv6"))
            if self.counters[name]
        ]
        words = MEANING | {"not_ipv4": "frames that carry something else" + (f" ({', '.join(known)})" if known else "")}
        each = [f"{self.counters[name]:,} {words[name]}" for name in EXCLUSIVE if self.counters[name]]
        if self.not_read:
            each.append("not read were " + ", ".join(map(in_words, self.not_read[:MOST_TOLD])))
        return f"nothing was stored of {quantity(self.counters['frames'], 'frame')}: " + "; ".join(each)

    def unread(self) -> list[str]:
        """What else is to be said of frames that weren't read: link types, and fragments of tunnels."""
        said = []
        links = [in_words(row) for row in self.not_read if row["counter"] == "unsupported_link"]
        if links and self.counters.get("stored"):
            said.append("not read were " + ", ".join(links[:MOST_TOLD]))
        lost = self.counters.get("tunnel_fragments", 0)
        if lost:
            said.append(
                f"{lost:,} later fragments of tunnels hold parts of packets that are lost; first fragments are stored"
            )
        return said

    @property
    def hit_rate(self) -> float | None:
        """Share of payloads that were known that day (Figure 8 of the paper); None without payloads."""
        return 1 - self.new_payloads / self.payloads if self.payloads else None

    def as_json(self) -> dict[str, Any]:
        """snake_case keys, in the order in which a person would ask."""
        hit_rate = self.hit_rate
        return {
            **self.counters,
            "payloads": self.payloads,
            "new_payloads": self.new_payloads,
            "hit_rate": None if hit_rate is None else round(hit_rate, 6),
            "payloads_undeduplicated": self.payloads_undeduplicated,
            "payloads_lost": self.payloads_lost,
            "frames_lost": self.frames_lost,
            "frames_resumed": self.resumed,
            "bytes_in": self.bytes_in,
            "bytes_stored": self.bytes_stored,
            "hours_dropped": self.retained.get("hours", 0),
            "seconds": round(self.seconds, 3),
            "complete": self.complete,
            "interrupted": self.interrupted,
            "not_read": list(self.not_read),
            "warnings": list(self.warnings),
        }
