"""The counters of a run: every frame in exactly one, and what became of payloads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ims.decode.frame_types import in_words
from ims.decode.verdict import COUNTERS, EXCLUSIVE, MEANING
from ims.text import quantity

MOST_NAMED = 8
"""Types of frames in a warning; the report has all."""


@dataclass
class Report:
    """The result of an ingest; `as_json` is what `--format json` prints.

    `frames` = `stored` + `outside` + `not_ipv4` + `malformed` + `unsupported_link`. `bytes_in` are octets of captures
    (after decompression), `bytes_stored` what the sensor's files grew by, `seconds` from the first octet read to the
    store closed, compaction included. `complete` is false where not all of the captures was read, because they are
    damaged or the run was `interrupted`; `warnings` have details.
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
    """stopped by a signal; the same command continues"""
    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether everything of all captures was read."""
        return not self.damaged and not self.interrupted

    def nothing_stored(self) -> str | None:
        """Why none of the frames was stored; None where some were, or there were none."""
        if self.counters.get("stored") or not self.counters.get("frames"):
            return None
        known = [f"{self.counters[name.lower()]:,} {name}" for name in ("ARP", "IPv6") if self.counters[name.lower()]]
        words = MEANING | {"not_ipv4": "frames that carry something else" + (f" ({', '.join(known)})" if known else "")}
        each = [f"{self.counters[name]:,} {words[name]}" for name in EXCLUSIVE if self.counters[name]]
        if self.not_read:
            each.append("not read were " + ", ".join(map(in_words, self.not_read[:MOST_NAMED])))
        return f"nothing was stored of {quantity(self.counters['frames'], 'frame')}: " + "; ".join(each)

    def unread(self) -> list[str]:
        """Other warnings about frames that weren't read: link types, and fragments of tunnels."""
        warnings = []
        links = [in_words(row) for row in self.not_read if row["counter"] == "unsupported_link"]
        if links and self.counters.get("stored"):
            warnings.append("not read were " + ", ".join(links[:MOST_NAMED]))
        if lost := self.counters.get("tunnel_fragments", 0):
            fragments = f"{lost:,} later fragments of tunnels"
            warnings.append(f"{fragments} hold parts of packets that are lost; first fragments are stored")
        return warnings

    @property
    def hit_rate(self) -> float | None:
        """Share of payloads that were known that day (Figure 8 of the paper); None without payloads."""
        return 1 - self.new_payloads / self.payloads if self.payloads else None

    def as_json(self) -> dict[str, Any]:
        """snake_case keys, the most interesting first."""
        return {
            **self.counters,
            "payloads": self.payloads,
            "new_payloads": self.new_payloads,
            "hit_rate": None if self.hit_rate is None else round(self.hit_rate, 6),
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
