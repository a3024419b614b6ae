"""All sensors at once: questions go to each, what comes within the deadline is taken, and who is silent is said.

A thread looks after each sensor's health every few seconds, and sooner where somebody waits long for one. Whoever was
silent lately is still asked, but not waited for longer than a moment; so a sensor that comes back is used at once, and
one that is gone delays nobody. One that takes connections and answers nothing (it was stopped, or its machine hangs) is
waited for until the first question's deadline, or until it has missed LATE_HELLOS; then by nobody any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
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

HELLO_SECONDS, HELLO_EVERY_SECONDS, HURRIED_SECONDS = 2.0, 5.0, 1.0
SUSPECT_SECONDS = 1.0
"""For which somebody is waited for who was silent at the last hello."""
GRACE_SECONDS = WORD_SECONDS + 0.2
LOOK_SECONDS = 0.2
"""How often who waits for a sensor looks whether it is believed to be silent by now."""
OVERDUE_SECONDS = 2.0
"""After so long without an answer a sensor is greeted out of turn."""
CLOCKS_APART_SECONDS = 60.0
LATE_HELLOS = 3
"""So many in a row, and the sensor is silent: one may come late where a machine is busy."""

SAID_AT_ONCE = ("unreachable", "certificate", "name")
"""Faults that tell of the sensor, not of the question."""
NO_WORD = ("late", "overdue")
"""Faults of a hello that wasn't answered in time."""
HELLO_TELLS = ("version", "name")
"""Faults that only a hello ends."""
DETAIL_TELLS = ("certificate", "refused", "name")
"""Faults whose detail says who or what was found: another one is another cause."""


@dataclass
class Health:
    """What is known of one sensor. `since`: of this state, seconds since the epoch."""

    sensor: RegisteredSensor
    hello: Hello | None = None
    fault: Fault | None = None
    since: float = field(default_factory=time.time)
    asked: float = 0.0
    late: int = 0
    """hellos in a row that weren't answered in time"""
    overdue: Fault | None = None
    """what the last question found that got no word in time, if none was answered since"""
    clock_offset: float | None = None
    """its clock minus ours, seconds"""
    logged: tuple[str, str] | None = None
    """what the log was told last, as `_words` has it"""

    @property
    def state(self) -> str:
        """`unknown`, `answers` or `silent`."""
        return "unknown" if not self.asked else "silent" if self.fault is not None else "answers"


class Sensors:
    """The sensors of a registry. For several threads; `start` begins looking after them, `close` ends it."""

    def __init__(
        self,
        registry: Registry,
        credentials: Credentials | None,
        refusal: Callable[[str], Refusal | None],
        threads: int = 128,
        monitored: MonitoredSpace | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """`meanwhile`: called at each round of hellos; it raises nothing."""
        self._meanwhile = meanwhile
        self.monitored = monitored or MonitoredSpace(registry.sensors)
        self._registry, self._credentials, self._refusal = registry, credentials, refusal
        self._lock = threading.Lock()
        self._peers: dict[str, Peer] = {}
        self._health: dict[str, Health] = {}
        self._pool = ThreadPoolExecutor(threads, "sensor")
        self._hellos = ThreadPoolExecutor(16, "hello")
        self._ended, self._hurry = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="health", daemon=True)
        self._log: Any = structlog.get_logger()

    def start(self) -> None:
        """Begin looking after the sensors."""
        self._thread.start()

    def peers(self) -> dict[str, Peer]:
        """The sensors of the registry as it is now, by name."""
        wanted = {sensor.name: sensor for sensor in self._registry.sensors()}
        gone: list[Peer] = []
        with self._lock:
            for name, peer in list(self._peers.items()):
                if wanted.get(name) != peer.sensor:
                    gone.append(self._peers.pop(name))
                    self._health.pop(name, None)
            for name, sensor in wanted.items():
                if name not in self._peers:
                    self._peers[name] = Peer(sensor, self._credentials)
                    self._health[name] = Health(sensor)
            self._health = {name: self._health[name] for name in wanted}  # in the registry's order
            self._peers = {name: self._peers[name] for name in wanted}
            peers = dict(self._peers)
        for peer in gone:
            peer.close()
        return peers

    def health(self) -> list[Health]:
        """Of each sensor, in the registry's order."""
        names = list(self.peers())
        with self._lock:
            return [self._health[name] for name in names if name in self._health]

    def closed(self, name: str) -> str | None:
        """What the sensor last said its closed hours are; None where it is silent."""
        with self._lock:
            health = self._health.get(name)
        return health.hello.closed if health is not None and health.hello is not None and not health.fault else None

    def refused(self, name: str) -> bool:
        """Whether it isn't the sensor that the registry names."""
        known = self._known_fault(name)
        return known is not None and known.kind == "name"

    def claimed(self) -> frozenset[str]:
        """Sensors' names in the stores of those that answer, as they said at their last hello."""
        with self._lock:
            known = [health.hello for health in self._health.values() if health.fault is None]
        return frozenset(name for hello in known if hello is not None for name in hello.sensors)

    def scatter(
        self,
        ask: Callable[[Peer], Ask],
        wanted: Mapping[str, pa.Schema],
        seconds: float,
        without: Iterable[str] = (),
        known_only: bool = False,
        room: PartShare | None = None,
    ) -> Responses:
        """Ask everybody (but those `without`), and wait until all have answered or the deadline passes. What they say
        that they watch is noted before this returns; for `known_only`, who doesn't say is silent. `room`: what answers
        take, and who fails gives back at once. Raises NoRoomError as soon as the question is refused for it."""
        began = time.monotonic()
        peers = {name: peer for name, peer in self.peers().items() if name not in set(without)}
        took: dict[str, float] = {}
        suspect = self._suspect()
        shares = {} if room is None else {name: room.answer(name) for name in peers}

        def one(name: str, peer: Peer) -> tuple[dict[str, pa.Table], End] | Exception:
            try:
                self._check(peer)
                known = self._known_fault(name)
                if known is not None and known.kind == "version":
                    raise known.again()  # its own words for it would be of the question
                # A thread stands by each call; who is believed to be silent keeps it no longer than he is waited for.
                most = min(seconds, SUSPECT_SECONDS) if name in suspect else seconds
                left = most - (time.monotonic() - began)
                asked = ask(peer).model_copy(update={"seconds": max(0.05, left)})
                parts, end = peer.ask(asked, wanted, shares.get(name))
                self._check_agreement(peer, asked, parts, end)
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
        """End all threads and connections."""
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
            found = wait({*pending, *ends}, min(left, LOOK_SECONDS), FIRST_COMPLETED if ends else ALL_COMPLETED)
            pending -= found.done

    def _check(self, peer: Peer) -> None:
        serial = peer.sensor.serial
        refusal = None if serial is None else self._refusal(serial)
        if refusal is not None:
            if refusal.kind == "list":
                raise Fault("list", f"the portal's {refusal.text.removeprefix('the ')}")
            raise Fault("certificate", "its certificate is revoked", refusal.text)

    def _check_agreement(self, peer: Peer, asked: Ask, parts: Mapping[str, pa.Table], end: End) -> None:
        """Raises Fault where it isn't the sensor that the registry names."""
        known = self._known_fault(peer.sensor.name)
        if known is not None and self.refused(peer.sensor.name):
            raise known.again()  # its certificate's name is in its hello alone
        check_store(peer.sensor, end.sensors, "", {})
        check_rows(peer.sensor, asked.questions, parts)

    def _note_watched(self, name: str, said: End | Hello, needed: bool = False) -> None:
        if said.watched is not None:
            self.monitored.note(name, said.watched)
        elif needed:
            raise UNKNOWN.again()

    def _stores_before(self, name: str) -> dict[str, str]:
        """Ids of the stores of those that answer and stand before it in the registry."""
        with self._lock:
            names = list(self._health)
            before = [self._health[other] for other in names[: names.index(name)]] if name in names else []
        return {h.hello.store: h.sensor.name for h in before if h.hello is not None and h.fault is None}

    def _explained(self, peer: Peer, fault: Fault, until: float, anew: bool = False) -> Fault:
        """Why nobody can be reached, or what is wrong with the certificate; for `anew`, not as the last hello found."""
        left = min(1.0, until - time.monotonic())
        if fault.kind not in ("unreachable", "certificate") or left <= 0:
            return fault
        known = None if anew else self._known_fault(peer.sensor.name)
        if known is not None and known.kind == fault.kind == "certificate":
            return known
        found = diagnosed(peer.sensor, self._credentials, left)
        if found is None and fault.kind == "unreachable":
            # It can be reached by now. gRPC waits longer from time to time before it asks DNS again, up to two minutes.
            peer.renew()
        return found or fault

    def _known_fault(self, name: str) -> Fault | None:
        with self._lock:
            health = self._health.get(name)
        return health.fault if health is not None else None

    def _note(self, faults: Mapping[str, Fault], ends: Mapping[str, End]) -> None:
        """What an answer tells of health: whoever answered isn't silent, and who can't be reached is."""
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
            for name in ends:
                health = self._health.get(name)
                if health is not None:
                    health.overdue = None
                if health is not None and health.fault is not None and health.fault.kind not in HELLO_TELLS:
                    health.fault, health.since = None, time.time()

    def _look_after(self) -> None:
        while not self._ended.is_set():
            try:
                list(self._hellos.map(self._greet, self.peers().values()))
            except RuntimeError:  # the pool is closed: the portal ends
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
                self._log.info(
                    "sensor", sensor=peer.sensor.name, state="silent" if fault else "answers",
                    why=fault.text if fault else None, detail=fault.detail if fault else None,
                )  # fmt: skip
            if hello is not None:
                self._log_changes(peer.sensor.name, health.hello, hello)
            health.hello, health.fault, health.asked = hello or health.hello, fault, began
            health.clock_offset = offset if offset is not None else health.clock_offset

    def _log_changes(self, registered: str, before: Hello | None, now: Hello) -> None:
        known = before.live if before is not None else {}
        for name, live in now.live.items():
            old = known.get(name)
            if old is None or (old.state, old.stores) != (live.state, live.stores):
                self._log.info(
                    "live", sensor=registered, name=name, state=live.state, stores=live.stores,
                    why=first_line(live.why) or None,
                )  # fmt: skip


def _words(fault: Fault | None) -> tuple[str, str]:
    """What is logged anew where it changes; of most faults details may differ each time."""
    if fault is None:
        return "", ""
    return fault.text, fault.detail if fault.kind in DETAIL_TELLS else ""
