"""The truth about a simulated capture: what was planted, and what of it was written, counted while it was written."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from typing import Any

import numpy as np

from ims.simulate.kernels.persona import NAMES, PERSONAS
from ims.simulate.kernels.tally import count, digest, empty_tally
from ims.simulate.output.play import DAY, FRAMES, Play, While

ADDRESSES = 10_000
"""Sources of an event that are listed, at most."""
SOURCES_COUNTED = 24_000_000
"""Sources of an event at a block that are distinguished, in all; beyond, they are no longer counted, and the truth says
null. They take up to 24 octets each."""
AT_ONCE = 1 << 22
"""New ones are put among the others when there are so many."""


class Truth:
    """Counts what is written, a while at a time."""

    def __init__(self, play: Play) -> None:
        self._play = play
        events, blocks = len(play.cast.events), len(play.world.names)
        self.tally = empty_tally(events, blocks, len(NAMES), len(play.cast.contents) + 1, FRAMES)
        self._whence = np.zeros(FRAMES, np.uint64)
        self._known = np.zeros(0, np.uint64)
        self._new: list[np.ndarray[Any, np.dtype[np.uint64]]] = []
        self._complete = True
        self._perhaps: list[np.ndarray[Any, np.dtype[np.uint64]]] = []
        self._days: list[dict[str, Any]] = []
        self._day = -1

    def count(self, part: While) -> None:
        """Count what is due in a while."""
        day = (self._play.epoch + part.since) // DAY
        if day != self._day:
            self._end_day()
            self._day = day
        count(part.draft, part.order, part.count, self.tally, self._whence)
        if self.tally.day[2]:
            self._perhaps.append(_distinct(self.tally.perhaps[: self.tally.day[2]].copy()))
            self.tally.day[2] = 0
            if sum(map(len, self._perhaps)) > max(AT_ONCE, 2 * self._perhaps[0].size):
                self._perhaps = [_distinct(np.concatenate(self._perhaps))]
        if self._complete:
            self._new.append(_distinct(self._whence[: part.count].copy()))
            if sum(map(len, self._new)) > max(AT_ONCE, self._known.size // 2):
                self._put_among()

    def _put_among(self) -> None:
        """Sources by event, block and address, each once."""
        self._known = _distinct(np.concatenate([self._known, *self._new]))
        self._new = []
        self._complete = self._known.size <= SOURCES_COUNTED

    def _known_of(self, event: int, block: int, blocks: int = 1) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """What is known of an event's sources at so many blocks from this one on."""
        first = event * len(self._play.world.names) + block
        low, high = np.searchsorted(self._known, np.array([first << 32, (first + blocks) << 32], np.uint64))
        return self._known[low:high]

    def _sources(self, event: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Addresses of an event's sources at any block, ascending."""
        return _distinct(self._known_of(event, 0, len(self._play.world.names)) & np.uint64(0xFFFFFFFF))

    def _end_day(self) -> None:
        payloads, new, _ = map(int, self.tally.day)
        new += self._new_perhaps()
        if self._day >= 0:
            self._days.append(
                {
                    "day": str(np.datetime64(self._day, "D")), "payloads": payloads, "new_payloads": new,
                    "hit_rate": round(1 - new / payloads, 6) if payloads else None,
                }
            )  # fmt: skip
        self.tally.day[:] = 0
        self.tally.seen[:] = 0

    def _new_perhaps(self) -> int:
        """How many payloads this day brought among those that may have come before, or stand on the shelf."""
        if not self._perhaps:
            return 0
        there = _distinct(np.concatenate(self._perhaps))
        self._perhaps = []
        seen = [self._play.cast.contents[entry - 1] for entry in np.flatnonzero(self.tally.seen).tolist()]
        shelf = [digest(np.frombuffer(content, np.uint8), 0, len(content)) for content in seen]
        return int(there.size - np.isin(there, np.array(shelf, np.uint64)).sum())

    def whole(self) -> dict[str, Any]:
        """The truth, as it is written: docs/simulate.md names its keys."""
        self._end_day()
        self._day = -1
        if self._complete:
            self._put_among()
        play, world, tally = self._play, self._play.world, self.tally
        scenario = play.scenario
        addresses = world.last - world.first + 1
        blocks = [
            {
                "name": name, "prefix": block.prefix, "size_24": int(addresses[index]) / 256, "answers": block.answers,
                "packets": int(tally.packets[:, index].sum()),
                "sources": self._anybody_at(index),
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
            "events": [self._event(number) for number in range(len(play.cast.events))],
        }  # fmt: skip

    def _anybody_at(self, block: int) -> int | None:
        events = [number for number, event in enumerate(self._play.cast.events) if not event.spoofed]
        there = [known & np.uint64(0xFFFFFFFF) for event in events if (known := self._known_of(event, block)).size]
        if not self._complete or not events:
            return None
        return int(_distinct(np.concatenate(there)).size) if there else 0

    def _event(self, number: int) -> dict[str, Any]:
        play, tally = self._play, self.tally
        event, names = play.cast.events[number], play.world.names
        counted = self._complete and not event.spoofed
        sources = self._sources(number)
        listed = counted and sources.size <= ADDRESSES
        hops = np.flatnonzero(tally.hops[number])
        personas = {name: int(n) for name, n in zip(NAMES, tally.personas[number], strict=True) if n}
        return {
            "name": event.name, "kind": event.kind, "parameters": _finite(event.parameters),
            "first": self._shown(tally.first[number]), "last": self._shown(tally.last[number]),
            "packets": int(tally.packets[number].sum()), "bytes": int(tally.octets[number]),
            "sources": int(sources.size) if counted else None, "spoofed": event.spoofed,
            "addresses": [str(ipaddress.IPv4Address(int(source))) for source in sources] if listed else None,
            "blocks": {
                name: {
                    "packets": int(tally.packets[number, block]),
                    "sources": int(self._known_of(number, block).size) if counted else None,
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


def _distinct(numbers: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Each once, ascending; `numbers` are sorted in place. (np.unique hashes, which takes four times as long.)"""
    if not (numbers[1:] >= numbers[:-1]).all():  # a twentieth of the time that sorting them again takes
        numbers.sort()
    return numbers[np.concatenate([[True], numbers[1:] != numbers[:-1]])] if numbers.size else numbers


def _finite(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, dict):
        return {name: _finite(inside) for name, inside in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
