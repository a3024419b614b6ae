"""The truth about a simulated capture: what was planted, and what of it was written, counted while it was written."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from typing import Any

import numpy as np
from pyroaring import BitMap

from ims.simulate.persona import NAMES, PERSONAS
from ims.simulate.play import DAY, FRAMES, NS, Play, While
from ims.simulate.tally import count, empty_tally

ADDRESSES = 10_000
"""Sources of an event that are listed, at most."""
SOURCES_COUNTED = 30_000_000
"""Pairs of block and source that are told apart; beyond, sources are no longer counted, and the truth says null. They
take up to 16 octets each."""


class Truth:
    """Counts what is written, a while at a time."""

    def __init__(self, play: Play) -> None:
        self._play = play
        events, blocks = len(play.cast.events), len(play.world.names)
        self.tally = empty_tally(events, blocks, len(NAMES), len(play.cast.contents) + 1)
        self._whence = np.zeros(FRAMES, np.uint64)
        self._sources = [[BitMap() for _ in range(blocks)] for _ in range(events)]
        self._told_apart = 0
        self._days: list[dict[str, Any]] = []
        self._day = -1

    def count(self, part: While) -> None:
        """Count what is due in a while."""
        day = (self._play.epoch + part.since) // DAY
        if day != self._day:
            self._end_day()
            self._day = day
        count(part.draft, part.order, part.count, self.tally, self._whence)
        if self._told_apart > SOURCES_COUNTED:
            return
        pairs = np.unique(self._whence[: part.count])
        kinds = (pairs >> np.uint64(32)).astype(np.int64)
        cuts = np.flatnonzero(np.diff(kinds)) + 1
        for some in np.split(pairs, cuts):
            if not some.size:
                continue
            event, block = divmod(int(some[0] >> np.uint64(32)), len(self._play.world.names))
            if not self._play.cast.events[event].spoofed:
                known = self._sources[event][block]
                before = len(known)
                known.update((some & np.uint64(0xFFFFFFFF)).astype(np.uint32))
                self._told_apart += len(known) - before

    def _end_day(self) -> None:
        payloads, new = map(int, self.tally.day)
        if self._day >= 0:
            self._days.append(
                {
                    "day": str(np.datetime64(self._day, "D")), "payloads": payloads, "new_payloads": new,
                    "hit_rate": round(1 - new / payloads, 6) if payloads else None,
                }
            )  # fmt: skip
        self.tally.day[:] = 0
        self.tally.seen[:] = 0

    def whole(self) -> dict[str, Any]:
        """The truth, as it is written: docs/simulate.md names its keys."""
        self._end_day()
        self._day = -1
        play, world, tally = self._play, self._play.world, self.tally
        scenario = play.scenario
        addresses = world.last - world.first + 1
        complete = self._told_apart <= SOURCES_COUNTED
        blocks = [
            {
                "name": name, "prefix": block.prefix, "size_24": int(addresses[index]) / 256, "answers": block.answers,
                "packets": int(tally.packets[:, index].sum()),
                "sources": self._number([row[index] for row in self._sources], complete),
            }
            for index, (name, block) in enumerate(zip(world.names, scenario.blocks(), strict=True))
        ]  # fmt: skip
        return {
            "scenario": scenario.title, "seed": play.seed, "scale": scenario.scale,
            "start": f"{scenario.start:%Y-%m-%dT%H:%M:%SZ}", "duration_seconds": scenario.duration,
            "packets": int(tally.packets.sum()), "bytes": int(tally.octets.sum()),
            "darknet": {
                "size_24": float(addresses.sum()) / 256, "share_of_ipv4": float(addresses.sum()) / (1 << 32),
                "blocks": blocks,
            },
            "one_cache_for_all_blocks": self._days,
            "events": [self._event(number, complete) for number in range(len(play.cast.events))],
        }  # fmt: skip

    @staticmethod
    def _number(sources: list[BitMap], complete: bool) -> int | None:
        return len(BitMap.union(*sources)) if complete and sources else None

    def _event(self, number: int, complete: bool) -> dict[str, Any]:
        play, tally = self._play, self.tally
        event, names = play.cast.events[number], play.world.names
        sources = BitMap.union(*self._sources[number])
        listed = complete and not event.spoofed and len(sources) <= ADDRESSES
        hops = np.flatnonzero(tally.hops[number])
        personas = {name: int(n) for name, n in zip(NAMES, tally.personas[number], strict=True) if n}
        return {
            "name": event.name, "kind": event.kind, "parameters": _finite(event.parameters),
            "first": self._shown(tally.first[number]), "last": self._shown(tally.last[number]),
            "packets": int(tally.packets[number].sum()), "bytes": int(tally.octets[number]),
            "sources": len(sources) if complete and not event.spoofed else None, "spoofed": event.spoofed,
            "addresses": [str(ipaddress.IPv4Address(source)) for source in sources] if listed else None,
            "blocks": {
                name: {
                    "packets": int(tally.packets[number, block]),
                    "sources": len(self._sources[number][block]) if complete and not event.spoofed else None,
                }
                for block, name in enumerate(names) if tally.packets[number, block]
            },
            "personas": {name: {"syns": n, "p0f": PERSONAS[name].p0f or None} for name, n in personas.items()},
            "hops": {int(hop): int(tally.hops[number, hop]) for hop in hops},
            "signatures": self._signatures(number), "unique_payloads": int(tally.unique[number]),
        }  # fmt: skip

    def _signatures(self, number: int) -> list[dict[str, Any]]:
        """MD5 of each payload that comes again, the most frequent first."""
        counts = self.tally.payloads[number]
        return [
            {
                "signature": hashlib.md5(content, usedforsecurity=False).hexdigest(), "length": len(content),
                "packets": int(counts[entry]),
            }
            for entry in np.argsort(-counts, kind="stable").tolist() if counts[entry]
            for content in [self._play.cast.contents[entry - 1]]
        ]  # fmt: skip

    def _shown(self, offset: Any) -> str | None:
        if offset < 0:
            return None
        return str(np.datetime64((self._play.epoch + int(offset)) // 1000, "us")) + "Z"


def _finite(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, dict):
        return {name: _finite(inside) for name, inside in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


