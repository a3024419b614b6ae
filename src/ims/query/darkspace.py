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
    prefix: ipaddress.IPv4Network
    since: int
    until: int


class DarkSpace:
    """What was watched, and when."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        networks: dict[str, ipaddress.IPv4Network] = {}
        self._rows = [
            Watched(
                row["sensor"],
                row["block"],
                networks.setdefault(row["prefix"], ipaddress.IPv4Network(row["prefix"])),
                row["since_us"],
                row["until_us"],
            )
            for row in rows
        ]
        self._sizes: dict[frozenset[tuple[str, ipaddress.IPv4Network]], float] = {}

    def size_24(
        self,
        since: int | None = None,
        until: int | None = None,
        sensor: str | None = None,
        block: str | None = None,
    ) -> float:
        """Size in /24s of what was watched at any time in [since, until), of one sensor or block if given."""
        watched = frozenset(
            (row.sensor, row.prefix)
            for row in self._rows
            if (since is None or row.until > since)
            and (until is None or row.since < until)
            and sensor in (None, row.sensor)
            and block in (None, row.block)
        )
        if watched not in self._sizes:  # mostly the same few blocks, bin after bin
            self._sizes[watched] = _size_24(watched)
        return self._sizes[watched]

    def periods(self, since: int | None = None, until: int | None = None) -> list[tuple[int, int]]:
        """When anything was watched, within [since, until): periods in order, none touching the next."""
        found: list[tuple[int, int]] = []
        for row in sorted(self._rows, key=lambda row: row.since):
            begin = row.since if since is None else max(since, row.since)
            end = row.until if until is None else min(until, row.until)
            if begin >= end:
                continue
            if found and begin <= found[-1][1]:
                found[-1] = (found[-1][0], max(end, found[-1][1]))
            else:
                found.append((begin, end))
        return found


def _size_24(watched: Iterable[tuple[str, ipaddress.IPv4Network]]) -> float:
    prefixes: dict[str, list[ipaddress.IPv4Network]] = {}
    for sensor, prefix in watched:
        prefixes.setdefault(sensor, []).append(prefix)
    return sum(
        network.num_addresses / 256
        for networks in prefixes.values()
        for network in ipaddress.collapse_addresses(networks)
    )
