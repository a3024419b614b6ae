"""The live view: every sensor followed while anybody listens, and the news told to each listener as his role gets them.

Operators and analysts are told each second's packets by block, the ports, and new payloads (analysts those without a
monitored address, and nothing of a sensor of which it isn't known what it watches). Viewers are told what they may ask
for as well: a `viewer_bin` at a time, with noise, `viewer_delay` later.

Where telling fails in a way that nobody foresaw, whoever listens is told so, and the sensor is followed anew.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
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
"""News that may wait for a listener; what comes when it is full is counted as missed."""
RETRY_SECONDS = 1.0
PORTS_TOLD = 10
LOOK_SECONDS = 0.5
NONSENSE = (ValueError, OverflowError, OSError, TypeError, AttributeError)
"""What is raised where a sensor's columns are right and what they hold isn't: no time, or one that no calendar has."""
INTERRUPTED = "some of its news couldn't be told; it is followed anew"


class _Listener:
    def __init__(self, role: Role) -> None:
        self.role, self.missed = role, 0
        self.loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE)

    def tell(self, events: list[Event]) -> None:
        """From any thread."""
        try:
            self.loop.call_soon_threadsafe(self._put, events)
        except RuntimeError:  # its loop has ended
            return

    def _put(self, events: list[Event]) -> None:
        for event in events:
            try:
                self.queue.put_nowait(event)
            except asyncio.QueueFull:
                self.missed += 1


class Live:
    """For the portal's one event loop, and the threads that follow sensors.

    `may_see`: whether a role may have a payload's octets; where it raises, the payload is withheld. `rounded`: a
    viewer's finished bins since a time, as events, with the time up to which they go. `failed`: called with `followed`
    or `searched` where that failed, to be counted.
    """

    def __init__(
        self,
        sensors: Sensors,
        may_see: Callable[[Role, bytes], bool],
        rounded: Callable[[float], tuple[list[Event], float]],
        viewer_every: float,
        failed: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._failed = failed
        self._sensors, self._may_see, self._rounded, self._every = sensors, may_see, rounded, viewer_every
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._followed: dict[str, threading.Thread] = {}
        self._ended = threading.Event()
        self._log: Any = structlog.get_logger()

    async def events(self, role: Role) -> AsyncIterator[Event]:
        """News for a role, until closed."""
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
                for event in self._health_news(states):
                    yield event
                if listener.missed:
                    yield Event("missed", {"events": listener.missed})
                    listener.missed = 0
                try:
                    yield await asyncio.wait_for(listener.queue.get(), LOOK_SECONDS)
                except TimeoutError:
                    continue
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def end(self) -> None:
        """Listeners are told no more. From anywhere."""
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

    def _health_news(self, known: dict[str, str]) -> list[Event]:
        news = []
        for health in self._sensors.health():
            name, state = health.sensor.name, health.state
            if known.get(name) != state:
                known[name] = state
                why = health.fault.text if health.fault is not None else None
                news.append(Event("sensor", {"sensor": name, "state": state, "why": why, "since": _iso(health.since)}))
        return news

    def _wanted(self) -> bool:
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
                    except RuntimeError as error:  # there are too many; the next look tries again
                        self._log.warning("live", sensor=name, why=str(error))
                        continue
                    self._followed[name] = thread

    def _follow(self, name: str) -> None:
        """One sensor's news to all listeners, while there are any and it is registered."""
        while self._wanted():
            try:
                if not self._followed_once(name):
                    return
            except Fault as fault:
                self._log.info("live", sensor=name, why=fault.text, detail=fault.detail)
            except Exception as error:
                ours = not isinstance(error, NONSENSE)
                self._log.warning("live", sensor=name, why=INTERRUPTED, detail=repr(error)[:300], exc_info=ours)
                self._failed("followed")
                self._tell_all(Event("interrupted", {"time": _iso(time.time()), "sensor": name, "why": INTERRUPTED}))
            self._ended.wait(RETRY_SECONDS)

    def _followed_once(self, name: str) -> bool:
        """Follow a sensor until it ends; whether to follow it again."""
        peer = self._sensors.peers().get(name)
        if peer is None:
            return False
        for parts, end in () if self._sensors.refused(name) else peer.follow(Tail(version=peer.version)):
            if not self._wanted():
                return False
            if self._sensors.refused(name):
                break
            check_rows(peer.sensor, (), parts)
            if end.watched is not None:  # before anything of the batch is looked at
                self._sensors.monitored.note(name, end.watched)
            self._tell({part: table.to_pylist() for part, table in parts.items()}, known=end.watched is not None)
        return True

    def _tell(self, rows: Mapping[str, list[dict[str, Any]]], known: bool) -> None:
        """Tell each listener what his role may see; `known`: whether it is known what the sensor watches."""
        with self._lock:
            listeners = list(self._listeners)
        for role in {listener.role for listener in listeners if known or listener.role == "operator"}:
            events = self._told(role, rows)
            for listener in listeners:
                if listener.role == role and events:
                    listener.tell(events)

    def _tell_all(self, event: Event) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.tell([event])

    def _told(self, role: Role, rows: Mapping[str, list[dict[str, Any]]]) -> list[Event]:
        events = [Event("packets", _counts(row)) for row in rows["blocks"]]
        ports = sorted(rows["ports"], key=lambda row: -row["packets"])[:PORTS_TOLD]
        if ports:
            told = [_counts(row) | {n: row[n] for n in ("category", "protocol", "destination_port")} for row in ports]
            events.append(Event("ports", {"ports": told}))
        for row in rows["new"]:
            event = self._payload(role, row)
            if event is not None:
                events.append(event)
        return events

    def _payload(self, role: Role, row: dict[str, Any]) -> Event | None:
        """A new payload; for analysts only where all of it was seen to hold no address."""
        octets = row["payload"]
        if role != "operator" and (octets is None or len(octets) < row["length"] or not self._is_clear(role, octets)):
            return None
        shown = {name: row[name] for name in ("sensor", "block", "protocol", "destination_port", "length")}
        text = None if octets is None else printable_octets(octets)
        named = {name: printable(value) if isinstance(value, str) else value for name, value in shown.items()}
        return Event(
            "payload", {"time": _iso(row["second"]), **named, "signature": row["signature"].hex(), "text": text}
        )

    def _is_clear(self, role: Role, octets: bytes) -> bool:
        try:
            return self._may_see(role, octets)
        except Exception as error:
            self._log.exception("live", why="a payload couldn't be searched and is withheld", detail=repr(error)[:300])
            self._failed("searched")
            return False


def _counts(row: dict[str, Any]) -> dict[str, Any]:
    measures = {name: row[name] for name in ("packets", "bytes", "payloads", "new_payloads", "verified")}
    return {
        "time": _iso(row["second"]),
        "sensor": printable(row["sensor"]),
        "block": printable(row["block"]),
        **measures,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
