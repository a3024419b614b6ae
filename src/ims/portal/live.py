"""The live view: sensors are followed while anybody listens, and each listener gets the events that its role may see.

Operators and analysts get each second's packets by block, the ports, and new payloads (analysts only those without a
monitored address, and nothing from a sensor whose monitored space isn't known). Viewers get what they may ask for as
well: a `viewer_bin` at a time, with noise, `viewer_delay` later.

After an unforeseen failure listeners get an event that says so, and the sensor is followed anew.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog

from ims.link.contract import Tail
from ims.portal.auth.roles import Role
from ims.portal.federation.agreement import check_rows
from ims.portal.federation.fault import Fault
from ims.portal.federation.sensors import Sensors
from ims.portal.services import Event
from ims.text import printable, printable_octets

QUEUE = 2_000
"""Events that may wait for a listener; what comes when it is full is counted as missed."""
RETRY_SECONDS = 1.0
PORTS_TOLD = 10
LOOK_SECONDS = 0.5
NONSENSE = (ValueError, OverflowError, OSError, TypeError, AttributeError)
"""What is raised if a sensor's columns are right and their values aren't: no time, or one that no calendar has."""
INTERRUPTED = "some of its news couldn't be told; it is followed anew"


class _Listener:
    def __init__(self, role: Role) -> None:
        self.role, self.missed = role, 0
        self.loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE)

    def send(self, events: list[Event]) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # its loop has ended
            self.loop.call_soon_threadsafe(self._put, events)

    def _put(self, events: list[Event]) -> None:
        for event in events:
            try:
                self.queue.put_nowait(event)
            except asyncio.QueueFull:
                self.missed += 1


class Live:
    """For the portal's one event loop, and the threads that follow sensors. `may_see`: whether a role may have a
    payload's octets; if it raises, the payload is withheld. `rounded`: a viewer's finished bins since a time, as
    events, with the time of their end. `failed`: called with `followed` or `searched` to count a failure of that."""

    def __init__(
        self,
        sensors: Sensors,
        may_see: Callable[[Role, bytes], bool],
        rounded: Callable[[float], tuple[list[Event], float]],
        viewer_every: float,
        failed: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._sensors, self._may_see, self._rounded = sensors, may_see, rounded
        self._every, self._failed = viewer_every, failed
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._followed: dict[str, threading.Thread] = {}
        self._ended = threading.Event()
        self._log: Any = structlog.get_logger()

    async def events(self, role: Role) -> AsyncIterator[Event]:
        """Events for a role, until closed."""
        if role == "viewer":
            async for event in self._for_viewers():
                yield event
            return
        listener = _Listener(role)
        with self._lock:
            self._listeners.add(listener)
        try:
            states: dict[str, str] = {}
            while not self._ended.is_set():
                self._follow_all()
                for event in self._health_events(states):
                    yield event
                if listener.missed:
                    yield Event("missed", {"events": listener.missed})
                    listener.missed = 0
                with suppress(TimeoutError):
                    yield await asyncio.wait_for(listener.queue.get(), LOOK_SECONDS)
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def end(self) -> None:
        """Send no more events. From anywhere."""
        self._ended.set()

    def close(self) -> None:
        """End all following."""
        self.end()
        for thread in list(self._followed.values()):
            thread.join(timeout=5)

    async def _for_viewers(self) -> AsyncIterator[Event]:
        told = time.time()
        while not self._ended.is_set():
            events, told = await asyncio.to_thread(self._rounded, told)
            for event in events:
                yield event
            await asyncio.sleep(min(self._every, 60.0))

    def _health_events(self, known: dict[str, str]) -> Iterator[Event]:
        for health in self._sensors.health():
            name, state = health.sensor.name, health.state
            if known.get(name) != state:
                known[name] = state
                why = health.fault.text if health.fault is not None else None
                yield Event("sensor", {"sensor": name, "state": state, "why": why, "since": _iso(health.since)})

    def _has_listeners(self) -> bool:
        with self._lock:
            return bool(self._listeners) and not self._ended.is_set()

    def _follow_all(self) -> None:
        with self._lock:
            self._followed = {name: thread for name, thread in self._followed.items() if thread.is_alive()}
            for name in self._sensors.peers():
                if name not in self._followed:
                    thread = threading.Thread(target=self._follow, args=(name,), name=f"live {name}", daemon=True)
                    try:
                        thread.start()
                        self._followed[name] = thread
                    except RuntimeError as error:  # there are too many; the next look tries again
                        self._log.warning("live", sensor=name, why=str(error))

    def _follow(self, name: str) -> None:
        """Send one sensor's events to all listeners, while there are any and it is registered."""
        while self._has_listeners():
            try:
                if not self._followed_once(name):
                    return
            except Fault as fault:
                self._log.info("live", sensor=name, why=fault.text, detail=fault.detail)
            except Exception as error:
                ours = not isinstance(error, NONSENSE)
                self._log.warning("live", sensor=name, why=INTERRUPTED, detail=repr(error)[:300], exc_info=ours)
                self._failed("followed")
                event = Event("interrupted", {"time": _iso(time.time()), "sensor": name, "why": INTERRUPTED})
                with self._lock:
                    listeners = list(self._listeners)
                for listener in listeners:
                    listener.send([event])
            self._ended.wait(RETRY_SECONDS)

    def _followed_once(self, name: str) -> bool:
        """Follow a sensor until it ends; whether to follow it again."""
        peer = self._sensors.peers().get(name)
        if peer is None:
            return False
        for parts, end in () if self._sensors.refused(name) else peer.follow(Tail(version=peer.version)):
            if not self._has_listeners():
                return False
            if self._sensors.refused(name):
                break
            check_rows(peer.sensor, (), parts)
            if end.watched is not None:  # before anything of the batch is read
                self._sensors.monitored.note(name, end.watched)
            self._send({part: table.to_pylist() for part, table in parts.items()}, known=end.watched is not None)
        return True

    def _send(self, rows: Mapping[str, list[dict[str, Any]]], known: bool) -> None:
        """Send each listener what its role may see; `known`: whether the sensor's monitored space is."""
        with self._lock:
            listeners = list(self._listeners)
        for role in {listener.role for listener in listeners if known or listener.role == "operator"}:
            events = self._events(role, rows)
            for listener in listeners:
                if listener.role == role and events:
                    listener.send(events)

    def _events(self, role: Role, rows: Mapping[str, list[dict[str, Any]]]) -> list[Event]:
        events = [Event("packets", _counts(row)) for row in rows["blocks"]]
        ports = sorted(rows["ports"], key=lambda row: -row["packets"])[:PORTS_TOLD]
        if ports:
            keys = ("category", "protocol", "destination_port")
            events.append(Event("ports", {"ports": [_counts(row) | {key: row[key] for key in keys} for row in ports]}))
        return events + [event for row in rows["new"] if (event := self._payload(role, row)) is not None]

    def _payload(self, role: Role, row: dict[str, Any]) -> Event | None:
        """A new payload; for analysts only if all of it was searched and holds no address."""
        octets = row["payload"]
        if role != "operator" and (octets is None or len(octets) < row["length"] or not self._is_clear(role, octets)):
            return None
        shown = {name: row[name] for name in ("protocol", "destination_port", "length")}
        text = None if octets is None else printable_octets(octets)
        return Event("payload", _where(row) | shown | {"signature": row["signature"].hex(), "text": text})

    def _is_clear(self, role: Role, octets: bytes) -> bool:
        try:
            return self._may_see(role, octets)
        except Exception as error:
            self._log.exception("live", why="a payload couldn't be searched and is withheld", detail=repr(error)[:300])
            self._failed("searched")
            return False


def _counts(row: dict[str, Any]) -> dict[str, Any]:
    return _where(row) | {name: row[name] for name in ("packets", "bytes", "payloads", "new_payloads", "verified")}


def _where(row: dict[str, Any]) -> dict[str, Any]:
    block = row["block"]  # may be null in what a sensor sends of a new payload
    where = {"time": _iso(row["second"]), "sensor": printable(row["sensor"])}
    return where | {"block": block if block is None else printable(block)}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
