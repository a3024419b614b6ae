"""The cast of a scenario: payloads, services, populations and events, collected row by row for the kernels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np

from ims.packet.field_values import PROTOCOL_ICMP as ICMP
from ims.packet.field_values import PROTOCOL_TCP as TCP
from ims.packet.field_values import PROTOCOL_UDP as UDP
from ims.simulate.kernels.conversation import ALTERNATIVE, ANY, MESSAGES, SERVICE, Tables
from ims.simulate.kernels.frame_buffer import shelf_of
from ims.simulate.kernels.persona import NAMES, persona_table

PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
SERVICES, ALTERNATIVES = 4096, 254
"""What a sequence number has room for: services in all, and alternatives of each."""


@dataclass
class Event:
    """Something planted: what an analysis must find."""

    name: str
    kind: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Service:
    """What one kind of conversation is: see conversation.SERVICE."""

    protocol: int
    port: int = ANY
    says: Sequence[tuple[float, Sequence[bytes]]] = ()  # alternatives: weight, messages of at most 1,460 octets
    weight: float = 1.0
    source_port: int = ANY
    speaks: float = 1.0
    fresh: float = 0.0
    fresh_lengths: tuple[int, int] = (16, 200)
    fresh_head: bytes = b""
    salted: int = 0
    repeats: int = ANY
    fragment: int = ANY
    follow: Service | None = None
    follow_ns: tuple[int, int] = (0, 0)

    def packets(self, answered: bool, most: int) -> int:
        """Packets of a conversation, at most; `most`: SYNs after the first, where the persona decides."""
        alternatives = [len(messages) for _, messages in self.says] if self.speaks > 0 else []
        messages = max([*alternatives, int(self.fresh > 0)])
        if self.protocol != TCP:
            return max(1, messages)
        if not answered:
            return 1 + (most if self.repeats == ANY else self.repeats)
        return 2 + messages + (self.follow.packets(answered, most) if self.follow else 0)

    def octets(self) -> int:
        """Octets of payload of a conversation, at most."""
        alternatives = [sum(map(len, messages)) for _, messages in self.says]
        octets = max([*alternatives, self.fresh_lengths[1] if self.fresh > 0 else 0])
        return octets + (self.follow.octets() if self.follow else 0)


@dataclass
class Cast:
    """Rows on their way to kernels."""

    seed: int
    events: list[Event] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    salted: list[int] = field(default_factory=list)
    _entries: dict[tuple[tuple[bytes, ...], int], int] = field(default_factory=dict)
    _alternatives: list[tuple[int, int]] = field(default_factory=list)
    _alternative_weights: list[float] = field(default_factory=list)
    _services: list[dict[str, Any]] = field(default_factory=list)
    _service_weights: list[float] = field(default_factory=list)
    _keys: list[np.ndarray[Any, Any]] = field(default_factory=list)
    _personas: list[np.ndarray[Any, Any]] = field(default_factory=list)

    def event(self, name: str, kind: str, parameters: Mapping[str, Any]) -> int:
        """Add an event; returns its number. Raises ValueError where the name is taken."""
        if any(event.name == name for event in self.events):
            raise ValueError(f"two events are named {name!r}; each needs a name of its own")
        self.events.append(Event(name, kind, dict(parameters)))
        return len(self.events) - 1

    def keys(self, name: str) -> np.ndarray[Any, Any]:
        """uint64 (5,): the keys that belong to this name and the seed."""
        digest = hashlib.blake2b(name.encode(), key=self.seed.to_bytes(8, "little"), digest_size=40).digest()
        return np.frombuffer(digest, "<u8").astype(np.uint64)

    def population(self, keys: np.ndarray[Any, Any], personas: Mapping[str, float]) -> int:
        """Add a population; returns its number. `keys`: of its hosts; `personas`: by weight."""
        self._keys.append(keys)
        self._personas.append(np.cumsum([float(personas.get(name, 0.0)) for name in NAMES]))
        return len(self._keys) - 1

    def services(self, services: Sequence[Service], population: int, event: int) -> tuple[int, int]:
        """Add the services with which a population's conversations begin; returns the first one's number, how many."""
        follows = [self._follow(service, population, event) for service in services]
        first, weights = len(self._services), accumulate(service.weight for service in services)
        for service, follow, weight in zip(services, follows, weights, strict=True):
            self._add(service, population, event, follow, weight)
        return first, len(services)

    def _follow(self, service: Service, population: int, event: int) -> int:
        if service.follow is None:
            return -1
        return self._add(service.follow, population, event, self._follow(service.follow, population, event), 1.0)

    def _add(self, service: Service, population: int, event: int, follow: int, weight: float) -> int:
        first, total = len(self._alternatives), 0.0
        for chance, messages in service.says:
            total += chance
            self._alternatives.append((self._shelve(tuple(messages), service.salted), len(messages)))
            self._alternative_weights.append(total)
        head = self._shelve((service.fresh_head,), 0) if service.fresh_head else 0
        self._services.append(
            {
                "protocol": service.protocol, "port": service.port, "source_port": service.source_port,
                "population": population, "event": event, "alternatives": first,
                "alternative_count": len(service.says), "speaks": service.speaks, "fresh": service.fresh,
                "fresh_low": service.fresh_lengths[0], "fresh_high": service.fresh_lengths[1], "fresh_entry": head,
                "follow": follow, "follow_low": service.follow_ns[0], "follow_high": service.follow_ns[1],
                "repeats": service.repeats, "fragment": service.fragment,
            }
        )  # fmt: skip
        self._service_weights.append(weight)
        return len(self._services) - 1

    def _shelve(self, messages: tuple[bytes, ...], salted: int) -> int:
        """Entry of the first of these messages, which stand one after the other."""
        if (messages, salted) not in self._entries:
            if len(messages) > MESSAGES:
                raise ValueError(f"{len(messages)} packets of payload in one connection; at most {MESSAGES} fit")
            for message in messages:
                if not 0 < len(message) <= 1460:
                    raise ValueError(f"a message of {len(message)} octets: expected 1 to 1,460, or several messages")
            self._entries[messages, salted] = len(self.contents) + 1
            self.contents += messages
            self.salted += [salted] * len(messages)
        return self._entries[messages, salted]

    def tables(self, answers: Sequence[bool]) -> Tables:
        """The cast as kernels see it. Raises ValueError where there is more than sequence numbers have room for."""
        if len(self._services) > SERVICES:
            raise ValueError(f"{len(self._services)} services, tail ports included; at most {SERVICES} fit")
        if any(service["alternative_count"] > ALTERNATIVES for service in self._services):
            raise ValueError(f"a service with more than {ALTERNATIVES} payloads to choose from")
        services = [tuple(row[name] for name in SERVICE.names or ()) for row in self._services]
        return Tables(
            persona_table(), shelf_of(self.contents, self.salted), np.array(services, SERVICE),
            np.array(self._service_weights, np.float64), np.array(self._alternatives or [(0, 0)], ALTERNATIVE),
            np.array(self._alternative_weights or [1.0], np.float64), np.array(self._keys, np.uint64),
            np.array(self._personas, np.float64), np.array(answers, np.uint8), self.keys("sequence numbers")[:1],
        )  # fmt: skip
