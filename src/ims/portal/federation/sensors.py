"""All sensors at once: questions go to each, what comes within the deadline is used, and silent sensors are named.

A thread checks each sensor's health every few seconds, and sooner if somebody waits long for one. Sensors that were
silent lately are still asked, but waited for only a moment; so one that comes back is used at once, and one that is
gone delays nobody. One that takes connections and answers nothing (it was stopped, or its machine hangs) is waited for
until the first question's deadline, or until it has missed LATE_HELLOS; then by nobody any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Mapping
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import pyarrow as pa
import structlog

from ims.link.contract import Ask, End, Hello
from ims.pki.credentials import Credentials
from ims.pki.revocations import Refusal
from ims.portal.federation.agreement import check_hello, check_rows, check_store
from ims.portal.federation.diagnosis import diagnosed
from ims.portal.federation.fault import Fault, fault_of, without_frames
from ims.portal.federation.monitored_space import UNKNOWN, MonitoredSpace
from ims.portal.federation.part_memory import ALONE_TOO_LARGE, NoRoomError, PartShare
from ims.portal.federation.peer import WORD_SECONDS, Peer
from ims.portal.federation.registry import RegisteredSensor, Registry
from ims.portal.federation.responses import Responses
from ims.text import first_line

THREADS = 128
HELLO_SECONDS, HELLO_EVERY_SECONDS, HURRIED_SECONDS = 2.0, 5.0, 1.0
SUSPECT_SECONDS = 1.0
"""How long to wait for a sensor that was silent at the last hello."""
GRACE_SECONDS = WORD_SECONDS + 0.2
LOOK_SECONDS = 0.2
"""While waiting for a sensor, how often to check whether it is believed silent by now."""
OVERDUE_SECONDS = 2.0
"""After so long without an answer a sensor gets a hello out of turn."""
CLOCKS_APART_SECONDS = 60.0
LATE_HELLOS = 3
"""So many late hellos in a row, and the sensor is silent: a single one may be late on a busy machine."""
SAID_AT_ONCE = ("unreachable", "certificate", "name")
"""Faults of the sensor, not of the question."""
NO_WORD = ("late", "overdue")
"""Faults of a hello that wasn't answered in time."""
HELLO_TELLS = ("version", "name")
"""Faults that only a hello ends."""
DETAIL_TELLS = ("certificate", "refused", "name")
"""Faults whose detail says who or what was found: another detail is another cause."""


@dataclass
class Health:
    """What is known of one sensor. `since`: begin of this state, in seconds since the epoch."""

    sensor: RegisteredSensor
    hello: Hello | None = None
    fault: Fault | None = None
    since: float = field(default_factory=time.time)
    asked: float = 0.0
    late: int = 0
    """hellos in a row that weren't answered in time"""
    overdue: Fault | None = None
    """the fault of the last question without an answer in time, if none was answered since"""
    clock_offset: float | None = None
    """its clock minus ours, seconds"""
    logged: tuple[str, str] | None = None
    """what was logged last, from `_words`"""

    @property
    def state(self) -> str:
        """`unknown`, `answers` or `silent`."""
        return "unknown" if not self.asked else "silent" if self.fault is not None else "answers"


class Sensors:
    """The sensors of a registry. Thread-safe; `start` begins checking their health, `close` ends it."""

    def __init__(
        self,
        registry: Registry,
        credentials: Credentials | None,
        refusal: Callable[[str], Refusal | None],
        monitored: MonitoredSpace | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """`meanwhile`: called at each round of hellos; it raises nothing."""
        self.monitored, self._meanwhile = monitored or MonitoredSpace(registry.sensors), meanwhile
        self._registry, self._credentials, self._refusal = registry, credentials, refusal
        self._lock = threading.Lock()
        self._peers: dict[str, Peer] = {}
        self._health: dict[str, Health] = {}
        self._pool = ThreadPoolExecutor(THREADS, "sensor")
        self._hellos = ThreadPoolExecutor(16, "hello")
        self._ended, self._hurry = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="health", daemon=True)
        self._log: Any = structlog.get_logger()

    def start(self) -> None:
        """Begin checking the sensors' health."""
        self._thread.start()

    def peers(self) -> dict[str, Peer]:
        """The sensors that the registry has now, by name, in its order."""
        registered = {sensor.name: sensor for sensor in self._registry.sensors()}
        with self._lock:
            peers, health = self._peers, self._health
            same = {name for name, peer in peers.items() if registered.get(name) == peer.sensor}
            new = {name: sensor for name, sensor in registered.items() if name not in same}
            self._peers = {n: Peer(new[n], self._credentials) if n in new else peers[n] for n in registered}
            self._health = {n: Health(new[n]) if n in new else health[n] for n in registered}
            found = dict(self._peers)
        for name in peers.keys() - same:
            peers[name].close()
        return found

    def health(self) -> list[Health]:
        """Of each sensor, in the registry's order."""
        self.peers()
        with self._lock:
            return list(self._health.values())

    def closed(self, name: str) -> str | None:
        """The digest of closed hours in the sensor's last hello; None where it is silent."""
        with self._lock:
            health = self._health.get(name)
        return health.hello.closed if health is not None and health.hello is not None and not health.fault else None

    def refused(self, name: str) -> bool:
        """Whether it isn't the sensor that the registry names."""
        return self._known_fault(name, "name") is not None

    def claimed(self) -> frozenset[str]:
        """Sensors' names in the stores of those that answer, by their last hello."""
        with self._lock:
            known = [health.hello for health in self._health.values() if health.fault is None]
        return frozenset(name for hello in known if hello is not None for name in hello.sensors)

    def scatter(
        self,
        ask: Callable[[Peer], Ask],
        expected: Mapping[str, pa.Schema],
        seconds: float,
        without: Container[str] = (),
        known_only: bool = False,
        room: PartShare | None = None,
    ) -> Responses:
        """Ask all sensors (but those `without`), and wait until all have answered or the deadline passes. The prefixes
        that they watch are noted before this returns; with `known_only`, sensors that don't report them are silent.
        `room`: for answers; failed ones give it back at once. Raises NoRoomError as soon as there is too little."""
        began = time.monotonic()
        peers = {name: peer for name, peer in self.peers().items() if name not in without}
        took: dict[str, float] = {}
        suspect = self._suspect()
        shares = {} if room is None else {name: room.answer(name) for name in peers}

        def one(name: str, peer: Peer) -> tuple[dict[str, pa.Table], End] | Exception:
            try:
                self._check(peer)
                if known := self._known_fault(name, "version"):
                    raise known.again()  # its own message would be about the question
                # Each call has a thread; a sensor believed silent occupies it no longer than it is waited for.
                most = min(seconds, SUSPECT_SECONDS) if name in suspect else seconds
                left = most - (time.monotonic() - began)
                asked = ask(peer).model_copy(update={"seconds": max(0.05, left)})
                parts, end = peer.ask(asked, expected, shares.get(name))
                if known := self._known_fault(name, "name"):
                    raise known.again()  # only its hello has its certificate's name
                check_store(peer.sensor, end.sensors, "", {})
                check_rows(peer.sensor, asked.questions, parts)
            except Exception as error:
                if name in shares:
                    shares[name].give_back()
                return without_frames(error)
            finally:
                took[name] = time.monotonic() - began
            return parts, end

        futures = {self._pool.submit(one, name, peer): name for name, peer in peers.items()}
        self._await(futures, seconds, room)
        if room is not None and room.refused:
            for future in futures:
                future.cancel()
            raise NoRoomError
        parts, ends, faults = {}, {}, {}
        stores: dict[str, str] = {}
        for future, name in futures.items():
            found = future.result() if future.done() else None
            if room is not None and room.left_out is shares[name]:
                faults[name] = Fault("room", ALONE_TOO_LARGE)
            elif found is None:
                future.cancel()
                faults[name] = self._known_fault(name) or Fault("overdue", f"it didn't answer within {seconds:.3g} s")
            elif isinstance(found, Exception):
                if not isinstance(found, Fault | pa.ArrowException):
                    self._log.error("scatter", sensor=name, error=repr(found))
                faults[name] = self._explained(peers[name], fault_of(found), began + seconds)
            else:
                parts[name], ends[name] = found
                try:
                    check_store(peers[name].sensor, (), ends[name].store, stores)
                    self._note_watched(name, ends[name], known_only)
                except Fault as fault:
                    faults[name] = without_frames(fault)
                    del parts[name], ends[name]
                else:
                    stores[ends[name].store] = name
        for name in faults.keys() & shares.keys():
            shares[name].give_back()
        self._note(faults, ends)
        return Responses(parts, ends, faults, took)

    def close(self) -> None:
        """End all threads, and close connections."""
        self._ended.set()
        self._hurry.set()
        if self._thread.is_alive():
            self._thread.join()
        self._hellos.shutdown(cancel_futures=True)
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            peers, self._peers = list(self._peers.values()), {}
        for peer in peers:
            peer.close()

    def _suspect(self) -> set[str]:
        with self._lock:
            return {name for name, health in self._health.items() if health.fault is not None}

    def _await(self, futures: Mapping[Future[Any], str], seconds: float, room: PartShare | None) -> None:
        began, pending = time.monotonic(), set(futures)
        ends = {room.refusal} if room is not None else set()
        while pending and not any(end.done() for end in ends):
            suspect, waited = self._suspect(), time.monotonic() - began
            trusted = any(futures[future] not in suspect for future in pending)
            left = (seconds + GRACE_SECONDS if trusted else min(seconds, SUSPECT_SECONDS)) - waited
            if left <= 0:
                return
            if waited >= OVERDUE_SECONDS:
                self._hurry.set()
            # Not until `left` at once: another's question, or a hello, may find meanwhile that it is silent.
            pending -= wait({*pending, *ends}, min(left, LOOK_SECONDS), FIRST_COMPLETED if ends else ALL_COMPLETED).done

    def _check(self, peer: Peer) -> None:
        serial = peer.sensor.serial
        refusal = None if serial is None else self._refusal(serial)
        if refusal is not None:
            if refusal.kind == "list":
                raise Fault("list", f"the portal's {refusal.text.removeprefix('the ')}")
            raise Fault("certificate", "its certificate is revoked", refusal.text)

    def _note_watched(self, name: str, message: End | Hello, needed: bool = False) -> None:
        if message.watched is not None:
            self.monitored.note(name, message.watched)
        elif needed:
            raise UNKNOWN.again()

    def _stores_before(self, name: str) -> dict[str, str]:
        """Sensors that answer and are before this one in the registry, by their stores' ids."""
        with self._lock:
            before = list(takewhile(lambda health: health.sensor.name != name, self._health.values()))
        return {h.hello.store: h.sensor.name for h in before if h.hello is not None and h.fault is None}

    def _explained(self, peer: Peer, fault: Fault, until: float, anew: bool = False) -> Fault:
        """Why it can't be reached, or what is wrong with the certificate; for `anew`, not as the last hello found."""
        left = min(1.0, until - time.monotonic())
        if fault.kind not in ("unreachable", "certificate") or left <= 0:
            return fault
        if fault.kind == "certificate" and not anew and (known := self._known_fault(peer.sensor.name, "certificate")):
            return known
        found = diagnosed(peer.sensor, self._credentials, left)
        if found is None and fault.kind == "unreachable":
            # It can be reached again. gRPC asks DNS at growing intervals, of up to two minutes.
            peer.renew()
        return found or fault

    def _known_fault(self, name: str, kind: str = "") -> Fault | None:
        """The sensor's present fault, if it has one, and of this kind."""
        with self._lock:
            health = self._health.get(name)
        fault = health.fault if health is not None else None
        return fault if fault is not None and kind in ("", fault.kind) else None

    def _note(self, faults: Mapping[str, Fault], ends: Mapping[str, End]) -> None:
        """Update health: a sensor that answered isn't silent, and one that can't be reached is."""
        with self._lock:
            for name, fault in faults.items():
                health = self._health.get(name)
                if health is None or health.fault is not None:
                    continue
                if fault.kind == "overdue":
                    health.overdue = fault
                    self._hurry.set()
                if fault.kind in SAID_AT_ONCE or (fault.kind == "overdue" and health.late):
                    health.fault, health.since, health.asked = fault, time.time(), time.time()
            for health in (self._health[name] for name in ends if name in self._health):
                health.overdue = None
                if health.fault is not None and health.fault.kind not in HELLO_TELLS:
                    health.fault, health.since = None, time.time()

    def _look_after(self) -> None:
        while not self._ended.is_set():
            try:
                list(self._hellos.map(self._greet, self.peers().values()))
            except RuntimeError:  # the pool is closed: the portal stops
                return
            with self._lock:
                silent = any(health.fault is not None or health.late for health in self._health.values())
            self.monitored.keep()
            self._meanwhile()
            self._ended.wait(HURRIED_SECONDS)
            if not silent:
                self._hurry.wait(HELLO_EVERY_SECONDS - HURRIED_SECONDS)
            self._hurry.clear()

    def _greet(self, peer: Peer) -> None:
        began = time.time()
        hello, fault, offset = None, None, None
        try:
            self._check(peer)
            hello = peer.hello(HELLO_SECONDS)
            check_hello(peer.sensor, hello, self._stores_before(peer.sensor.name))
            self._note_watched(peer.sensor.name, hello)
            offset = hello.now - (began + time.time()) / 2
        except Fault as error:
            fault = self._explained(peer, without_frames(error), time.monotonic() + HELLO_SECONDS, anew=True)
        except Exception as error:
            self._log.exception("hello", sensor=peer.sensor.name)
            fault = fault_of(error)
        with self._lock:
            health = self._health.get(peer.sensor.name)
            if health is None:
                return
            health.late = health.late + 1 if fault is not None and fault.kind in NO_WORD else 0
            if not health.late:
                health.overdue = None
            if 0 < health.late < LATE_HELLOS and health.fault is None and health.asked and health.overdue is None:
                return
            if not health.asked or (health.fault is None) != (fault is None):
                health.since = began
            if health.logged != _words(fault):
                health.logged = _words(fault)
                state, text, detail = ("silent", fault.text, fault.detail) if fault else ("answers", None, None)
                self._log.info("sensor", sensor=peer.sensor.name, state=state, why=text, detail=detail)
            if hello is not None:
                self._log_changes(peer.sensor.name, health.hello, hello)
            health.hello, health.fault, health.asked = hello or health.hello, fault, began
            health.clock_offset = offset if offset is not None else health.clock_offset

    def _log_changes(self, registered: str, before: Hello | None, now: Hello) -> None:
        known = before.live if before is not None else {}
        for name, live in now.live.items():
            old = known.get(name)
            if old is None or (old.state, old.stores) != (live.state, live.stores):
                why = first_line(live.why) or None
                self._log.info("live", sensor=registered, name=name, state=live.state, stores=live.stores, why=why)


def _words(fault: Fault | None) -> tuple[str, str]:
    """What is logged again if it changes; most faults' details may differ each time."""
    return ("", "") if fault is None else (fault.text, fault.detail if fault.kind in DETAIL_TELLS else "")
