"""The size of the watched darknet, in /24s: what counts are divided by (paper, section 2.1).

A /23's count is halved, a /25's doubled. A prefix counts for a bin, or for the whole range, if it was watched at
any time in it; overlapping periods of one sensor's block count once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Watched:
    """One row of the coverage table; times in microseconds."""

    sensor: str
    block: str
    prefix: str
    since: int
    until: int

    @property
    def size_24(self) -> float:
        """Size in /24s."""
        return ipaddress.IPv4Network(self.prefix).num_addresses / 256


class DarkSpace:
    """What was watched, and when."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = [
            Watched(row["sensor"], row["block"], row["prefix"], row["since_us"], row["until_us"]) for row in rows
        ]

    def size_24(
        self,
        since: int | None = None,
        until: int | None = None,
        sensor: str | None = None,
        block: str | None = None,
    ) -> float:
        """Size in /24s of what was watched at any time in [since, until), of one sensor or block if given."""
        prefixes: dict[str, set[ipaddress.IPv4Network]] = {}
        for row in self._rows:
            if (
                (since is None or row.until > since)
                and (until is None or row.since < until)
                and sensor in (None, row.sensor)
                and block in (None, row.block)
            ):
                prefixes.setdefault(row.sensor, set()).add(ipaddress.IPv4Network(row.prefix))
        return sum(
            network.num_addresses / 256
            for networks in prefixes.values()
            for network in ipaddress.collapse_addresses(networks)
        )

    def covers(self, since: int, until: int) -> bool:
        """Whether anything was watched in [since, until)."""
        return any(row.until > since and row.since < until for row in self._rows)
