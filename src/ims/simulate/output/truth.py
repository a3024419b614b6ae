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

Numbers = np.ndarray[Any, np.dtype[np.uint64]]
ADDRESSES = 10_000
"""Sources of an event that are listed, at most."""
SOURCES_COUNTED = 24_000_000
"""Sources, by event and block, that are counted; beyond, the truth has null. They take up to 24 octets each."""
AT_ONCE = 1 << 22
"""New ones are merged when there are so many."""


class Truth:
    """Counts what is written, a while at a time."""

    def __init__(self, play: Play) -> None:
        self._play = play
        events, blocks = len(play.cast.events), len(play.world.names)
        self.tally = empty_tally(events, blocks, len(NAMES), len(play.cast.contents) + 1, FRAMES)
        self._whence = np.zeros(FRAMES, np.uint64)
        self._known = np.zeros(0, np.uint64)
        self._new: list[Numbers] = []
        self._complete = True
        self._perhaps: list[Numbers] = []
        self._days: list[dict[str, Any]] = []
        self._day = -1

    def count(self, part: While) -> None:
        """Count what is due in a while."""
        if (day := (self._play.epoch + part.since) // DAY) != self._day:
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
                self._merge()

    def _merge(self) -> None:
        """Sources by event, block and address, each once."""
        self._known = _distinct(np.concatenate([self._known, *self._new]))
        self._new = []
        self._complete = self._known.size <= SOURCES_COUNTED

    def _known_of(self, event: int, block: int, blocks: int = 1) -> Numbers:
        """An event's sources at so many blocks from this one on."""
        first = event * len(self._play.world.names) + block
        low, high = np.searchsorted(self._known, np.array([first << 32, (first + blocks) << 32], np.uint64))
        return self._known[low:high]

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
        """How many of the day's payloads that may be new are: not seen before on it, nor on the shelf."""
        if not self._perhaps:
            return 0
        perhaps, self._perhaps = _distinct(np.concatenate(self._perhaps)), []
        seen = [self._play.cast.contents[entry - 1] for entry in np.flatnonzero(self.tally.seen).tolist()]
        shelf = [digest(np.frombuffer(content, np.uint8), 0, len(content)) for content in seen]
        return int(perhaps.size - np.isin(perhaps, np.array(shelf, np.uint64)).sum())

    def whole(self) -> dict[str, Any]:
        """The truth, as it is written: docs/simulate.md names its keys."""
        self._end_day()
        self._day = -1
        if self._complete:
            self._merge()
        play, world, tally, scenario = self._play, self._play.world, self.tally, self._play.scenario
        addresses = world.last - world.first + 1
        blocks = [
            {
                "name": name, "prefix": block.prefix, "size_24": int(addresses[index]) / 256, "answers": block.answers,
                "packets": int(tally.packets[:, index].sum()), "sources": self._sources_at(index),
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

    def _sources_at(self, block: int) -> int | None:
        events = range(len(self._play.cast.events))
        if not self._complete or not events:
            return None
        known = np.concatenate([self._known_of(event, block) for event in events])
        return int(_distinct(known & np.uint64(0xFFFFFFFF)).size)

    def _event(self, number: int) -> dict[str, Any]:
        play, tally = self._play, self.tally
        event, names = play.cast.events[number], play.world.names
        sources = _distinct(self._known_of(number, 0, len(names)) & np.uint64(0xFFFFFFFF))
        listed = self._complete and sources.size <= ADDRESSES
        hops = np.flatnonzero(tally.hops[number])
        personas = {name: int(n) for name, n in zip(NAMES, tally.personas[number], strict=True) if n}
        return {
            "name": event.name, "kind": event.kind, "parameters": _finite(event.parameters),
            "first": self._shown(tally.first[number]), "last": self._shown(tally.last[number]),
            "packets": int(tally.packets[number].sum()), "bytes": int(tally.octets[number]),
            "sources": int(sources.size) if self._complete else None, "spoofed": False,
            "addresses": [str(ipaddress.IPv4Address(int(source))) for source in sources] if listed else None,
            "blocks": {
                name: {
                    "packets": int(tally.packets[number, block]),
                    "sources": int(self._known_of(number, block).size) if self._complete else None,
                }
                for block, name in enumerate(names) if tally.packets[number, block]
            },
            "personas": {name: {"syns": n, "p0f": PERSONAS[name].p0f or None} for name, n in personas.items()},
            "hops": {int(hop): int(tally.hops[number, hop]) for hop in hops},
            "signatures": self._signatures(number), "unique_payloads": int(tally.unique[number]),
        }  # fmt: skip

    def _signatures(self, number: int) -> list[dict[str, Any]]:
        """MD5 of each payload of the shelf that was sent, the most frequent first."""
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
        return None if offset < 0 else f"{np.datetime64((self._play.epoch + int(offset)) // 1000, 'us')}Z"


def _distinct(numbers: Numbers) -> Numbers:
    """Each once, ascending; `numbers` are sorted in place. (np.unique hashes, which takes four times as long.)"""
    if not (numbers[1:] >= numbers[:-1]).all():  # a twentieth of the time that sorting them again takes
        numbers.sort()
    return numbers[np.concatenate([[True], numbers[1:] != numbers[:-1]])] if numbers.size else numbers


def _finite(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, dict):
        return {name: _finite(inside) for name, inside in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
