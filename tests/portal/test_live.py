"""The live view: what comes in is told to who listens, as his role gets it, and nobody is followed for nothing."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from ims.link.contract import TAIL, End
from ims.portal import live
from ims.portal.federation.fault import Fault
from ims.portal.federation.monitored_space import MonitoredSpace
from ims.portal.federation.registry import RegisteredSensor
from ims.portal.federation.sensors import Health
from ims.portal.live import Live
from ims.portal.services import Event

from ..queryd.waiting import DEADLINE, until

SECOND = 1_772_582_400
COUNTS = {"packets": 3, "bytes": 300, "payloads": 1, "new_payloads": 1, "verified": 0}
WHERE = {"second": SECOND, "sensor": "a", "block": "C/24"}
SECRET = b"GET / HTTP/1.0\r\nHost: 198.51.100.7\r\n\r\n"


def batch(
    blocks: int = 0, ports: int = 0, new: list[bytes] | None = None, length: int | None = None, sensor: str = "a"
) -> dict[str, pa.Table]:
    where = WHERE | {"sensor": sensor}
    rows = {
        "blocks": [{**where, **COUNTS}] * blocks,
        "ports": [{**where, "category": "scan", "protocol": 6, "destination_port": n, **COUNTS, "packets": n} for n in range(ports)],
        "new": [
            {**where, "protocol": 6, "destination_port": 80, "signature": b"\xab" * 16, "length": len(p) if length is None else length, "payload": p}
            for p in new or []
        ],
    }  # fmt: skip
    return {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in TAIL.items()}


class FakePeer:
    """A sensor that tells what a test hands it; a fault that it is handed, it raises."""

    version = 2

    def __init__(self, name: str) -> None:
        self.sensor = RegisteredSensor(name=name, address="127.0.0.1:1")
        self.news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.followers = 0
        self.watched: tuple[str, ...] | None = ()

    def follow(self, _tail: Any) -> Iterator[tuple[dict[str, pa.Table], End]]:
        self.followers += 1
        try:
            while True:
                try:
                    told = self.news.get(timeout=0.05)
                except queue.Empty:
                    yield batch(), End(seconds=0, watched=self.watched)
                    continue
                if isinstance(told, Exception):
                    raise told
                yield told, End(seconds=0, watched=self.watched)
        finally:
            self.followers -= 1


class Fakes:
    """The portal's sensors."""

    def __init__(self, *names: str) -> None:
        self.found = {name: FakePeer(name) for name in names}
        self.monitored = MonitoredSpace(lambda: ())
        self.known = {name: Health(peer.sensor, asked=1.0) for name, peer in self.found.items()}

    def refused(self, name: str) -> bool:
        return name in self.known and getattr(self.known[name].fault, "kind", "") == "name"

    def peers(self) -> dict[str, FakePeer]:
        return dict(self.found)

    def health(self) -> list[Health]:
        return list(self.known.values())


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(live, "RETRY_SECONDS", 0.02)


@pytest.fixture
def fakes() -> Fakes:
    return Fakes("a", "b")


@pytest.fixture
def told(fakes: Fakes) -> Iterator[Live]:
    made = Live(fakes, lambda role, octets: b"198.51.100" not in octets, lambda told: ([], told), 3600)  # type: ignore[arg-type]
    yield made
    made.close()
    assert not any(thread.is_alive() for thread in made._followed.values())


def listen(
    told: Live, role: Any, wanted: int, act: Callable[[], None] = lambda: None, *, skip: tuple[str, ...] = ("sensor",)
) -> list[Event]:
    """So many pieces of news; `act` once somebody listens."""

    async def run() -> list[Event]:
        found: list[Event] = []
        events: AsyncIterator[Event] = told.events(role)
        async with asyncio.timeout(DEADLINE):
            first = await anext(events)
            act()
            for event in [first]:
                found += [event] if event.kind not in skip else []
            while len(found) < wanted:
                event = await anext(events)
                found += [event] if event.kind not in skip else []
        await events.aclose()  # type: ignore[attr-defined]
        return found

    return asyncio.run(run())


def test_who_listens_is_told_which_sensors_answer(told: Live, fakes: Fakes) -> None:
    fakes.known["b"].fault = Fault("late", "it didn't answer in time")
    found = listen(told, "operator", 2, skip=())
    assert [(event.kind, event.data["sensor"], event.data["state"], event.data["why"]) for event in found] == [
        ("sensor", "a", "answers", None), ("sensor", "b", "silent", "it didn't answer in time"),
    ]  # fmt: skip

    def fall_silent() -> None:
        fakes.known["a"].fault = Fault("unreachable", "it can't be reached")

    assert listen(told, "analyst", 3, fall_silent, skip=())[-1].data["state"] == "silent"


@pytest.mark.parametrize("role", ["operator", "analyst"])
def test_what_comes_in_is_told(told: Live, fakes: Fakes, role: str) -> None:
    found = listen(told, role, 3, lambda: fakes.found["a"].news.put(batch(blocks=1, ports=20, new=[b"\x1b[2JGET /"])))
    assert [event.kind for event in found] == ["packets", "ports", "payload"]
    packets, ports, payload = (event.data for event in found)
    assert packets == {"time": "2026-03-04T00:00:00Z", "sensor": "a", "block": "C/24", **COUNTS}
    assert [row["destination_port"] for row in ports["ports"]] == list(range(19, 9, -1))
    assert payload["text"] == ".[2JGET /"
    assert (payload["signature"], payload["length"]) == ("ab" * 16, 9)


def test_payloads_that_hold_an_address_are_operators(told: Live, fakes: Fakes) -> None:
    def act() -> None:
        for new, length in ([[SECRET], None], [[b"beginning"], 2000], [[b"harmless"], None]):
            fakes.found["a"].news.put(batch(new=new, length=length))  # type: ignore[arg-type]

    assert [event.data["text"] for event in listen(told, "analyst", 1, act)] == ["harmless"]
    assert [event.data["length"] for event in listen(told, "operator", 3, act)] == [len(SECRET), 2000, 8]


def test_of_a_sensor_that_does_not_say_what_it_watches_operators_alone_are_told(told: Live, fakes: Fakes) -> None:
    def act() -> None:
        fakes.found["b"].watched = None
        fakes.found["b"].news.put(batch(blocks=1, ports=1, new=[b"x"], sensor="b"))
        until(fakes.found["b"].news.empty)
        fakes.found["a"].news.put(batch(blocks=1))

    assert [event.data["sensor"] for event in listen(told, "analyst", 1, act)] == ["a"]
    assert [event.kind for event in listen(told, "operator", 4, act)].count("packets") == 2
    assert fakes.monitored.unknown("ab") == {"b"}


def test_all_sensors_are_followed_while_somebody_listens_and_none_otherwise(told: Live, fakes: Fakes) -> None:
    assert [peer.followers for peer in fakes.found.values()] == [0, 0]

    def act() -> None:
        until(lambda: [peer.followers for peer in fakes.found.values()] == [1, 1])
        for name in "ab":
            fakes.found[name].news.put(batch(blocks=1, sensor=name))

    assert len(listen(told, "operator", 2, act)) == 2
    until(lambda: [peer.followers for peer in fakes.found.values()] == [0, 0])


def test_a_sensor_that_fails_is_followed_again(told: Live, fakes: Fakes) -> None:
    def act() -> None:
        for news in (
            Fault("unreachable", "it can't be reached"),
            batch(blocks=1),
            Fault("garbage", "what"),
            batch(blocks=1),
        ):
            fakes.found["a"].news.put(news)

    assert len(listen(told, "operator", 2, act)) == 2


@pytest.mark.parametrize("second", [1 << 62, -(1 << 62), None])
def test_a_sensor_that_tells_nonsense_is_followed_again(told: Live, fakes: Fakes, second: int | None) -> None:
    """A time that no calendar has, or none."""
    wrong = batch(blocks=1, new=[b"x"])
    for part in ("blocks", "new"):
        seconds = pa.array([second], pa.int64())
        wrong[part] = wrong[part].set_column(0, TAIL[part].field(0), seconds)

    def act() -> None:
        fakes.found["a"].news.put(wrong)
        fakes.found["a"].news.put(batch(blocks=1))

    interrupted, packets = listen(told, "operator", 2, act)
    assert (interrupted.kind, interrupted.data["sensor"]) == ("interrupted", "a")
    assert packets.data["time"] == "2026-03-04T00:00:00Z"


def test_a_sensor_that_is_new_in_the_registry_is_followed_at_once(told: Live, fakes: Fakes) -> None:
    def act() -> None:
        fakes.found["c"] = FakePeer("c")
        fakes.found["c"].news.put(batch(blocks=1, sensor="c"))

    assert listen(told, "operator", 1, act)[0].kind == "packets"


def test_rows_of_another_sensor_are_told_to_nobody(told: Live, fakes: Fakes) -> None:
    def act() -> None:
        fakes.found["b"].news.put(batch(blocks=1, sensor="a"))
        fakes.found["b"].news.put(batch(blocks=1, sensor="b"))

    assert [event.data["sensor"] for event in listen(told, "operator", 1, act)] == ["b"]


def test_one_who_does_not_keep_up_is_told_how_much_he_missed(
    told: Live, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "QUEUE", 5)
    fakes.found["a"].news.put(batch(blocks=25))
    found = listen(told, "operator", 6)
    missed = [event.data["events"] for event in found if event.kind == "missed"]
    assert sum(missed) == 20
    assert sum(event.kind == "packets" for event in found) == 5


def test_viewers_are_told_what_is_rounded_and_follow_no_sensor(fakes: Fakes) -> None:
    asked: list[float] = []

    def rounded(since: float) -> tuple[list[Event], float]:
        asked.append(since)
        return [Event("packets", {"value": 500 * len(asked)})], since + 10

    viewers = Live(fakes, lambda role, octets: True, rounded, viewer_every=0.01)  # type: ignore[arg-type]
    found = listen(viewers, "viewer", 3)
    assert [event.data["value"] for event in found] == [500, 1000, 1500]
    assert asked[1:3] == [asked[0] + 10, asked[0] + 20]
    assert [peer.followers for peer in fakes.found.values()] == [0, 0]
    viewers.close()


def test_ending_ends_whoever_listens(told: Live, fakes: Fakes) -> None:
    async def run() -> list[Event]:
        threading.Timer(0.1, told.end).start()
        async with asyncio.timeout(DEADLINE):
            return [event async for event in told.events("operator")]

    assert {event.kind for event in asyncio.run(run())} <= {"sensor"}
