"""The captures that a store has read, known by content, not by name, and how far each was read.

A capture is identified by a digest of its octets (after decompression) up to the end of the last packet taken. A new
capture that begins with exactly those octets is the same one: if nothing follows them, it was ingested before; if the
earlier ingest was cut off, it is resumed; if the file has grown since, the new packets are added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Captures = Mapping[str, Mapping[str, Any]]
"""Records of captures by id, as the manifest keeps them."""


@dataclass
class CaptureRecord:
    """How far a capture was read. `settled`: the command that read it came to its end, so reading it once more
    would be a mistake; before that, the same command resumes where it was cut off."""

    name: str
    first_digest: str = ""
    position: int = 0
    digest: str = ""
    frames: int = 0
    finished: bool = False
    settled: bool = False
    since_us: int | None = None
    until_us: int | None = None
    frames_lost: int = 0
    payloads_lost: dict[str, int] = field(default_factory=dict)
    coverage: list[str] = field(default_factory=list)
    spans: list[list[int]] = field(default_factory=list)
    """when it watched: rows of sensor/spans.py"""

    def as_json(self) -> dict[str, Any]:
        """As the manifest keeps it."""
        return asdict(self)

    def saw(self, since_us: int, until_us: int) -> None:
        """Widen the period that the capture covers; `until_us` is not inside it."""
        self.since_us = since_us if self.since_us is None else min(self.since_us, since_us)
        self.until_us = until_us if self.until_us is None else max(self.until_us, until_us)

    def watched(self, spans: list[list[int]]) -> None:
        """Remember the spans in which it watched, and the period that they cover."""
        self.spans = spans
        for since, last, *_ in spans:
            self.saw(since, last + 1)


def same_beginning(captures: Captures, first_digest: str | None) -> dict[str, CaptureRecord]:
    """Captures whose first packet was the same, the one read farthest first."""
    if first_digest is None:
        return {}
    found = [(name, _record(record)) for name, record in captures.items() if record["first_digest"] == first_digest]
    return dict(sorted(found, key=lambda item: -item[1].position))


def _record(kept: Mapping[str, Any]) -> CaptureRecord:
    """A record; one of an earlier version, which had no spans, watched from its first packet to its last."""
    record = CaptureRecord(**kept)
    if not record.spans and record.since_us is not None and record.until_us is not None:
        record.spans = [[record.since_us, record.until_us - 1, 0, 0]]
    return record


def find_known(
    captures: Captures, first_digest: str | None, digests: Callable[[list[int]], list[str | None]]
) -> tuple[str, CaptureRecord] | None:
    """The remembered capture that this one begins with, if any: (its id, its record).

    `digests` returns the digest of the first N octets for each N; it is called only if a first packet matches.
    """
    candidates = same_beginning(captures, first_digest)
    if not candidates:
        return None
    found = digests([record.position for record in candidates.values()])
    for (name, record), digest in zip(candidates.items(), found, strict=True):
        if digest == record.digest:
            return name, record
    return None
