"""The live view over a real query daemon's service, into whose store packets come."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ims.link.contract import NEWEST, OLDEST, Hello
from ims.portal import live
from ims.portal.federation.registry import Registry
from ims.portal.federation.sensors import Sensors
from ims.portal.privacy.policy import PrivacyPolicy, SecrecySettings
from ims.portal.services import Event
from ims.queryd import news as looking
from ims.queryd.execution import Answerer
from ims.queryd.service import Service
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import ThreadQueue

from ..queryd.live_store import BEGAN, Clock, Live
from ..queryd.waiting import DEADLINE, until


class World:
    """A store, its daemon, and a live view; a payload that holds `boom` fails where it is searched."""

    def __init__(self, folder: Path, error: type[BaseException]) -> None:
        self.store = Live(folder / "STORE")
        self.store.come(BEGAN - 3600)
        self.store.show()
        self.watched: tuple[str, ...] = ("203.0.113.0/24",)
        self.error, self.failed = error, Counter[str]()
        answerer = Answerer(self.store.path, 1, 256 << 20, 1)
        answerer.watched.of = lambda store: self.watched  # type: ignore[method-assign]
        self.tailing = TailService(self.store.path, watched=answerer.watched)
        self.service = Service(
            "grpc://127.0.0.1:0", answerer, ThreadQueue(1, 16, 16), refusal=lambda serial: None, tailing=self.tailing,
            hello=lambda: Hello(oldest=OLDEST, newest=NEWEST, program="test", now=0.0, sensors=("a",)),
        )  # fmt: skip
        registry = folder / "registry.toml"
        registry.write_text(f'[[sensor]]\nname = "a"\naddress = "127.0.0.1:{self.service.port}"\n')
        self.sensors = Sensors(Registry(registry), None, lambda serial: None)
        self.secrecy = PrivacyPolicy(SecrecySettings(), self.sensors.monitored.prefixes)
        self.live = live.Live(
            self.sensors, self.may_see, lambda told: ([], told), 3600, lambda what: self.failed.update([what])
        )

    def may_see(self, role: Any, octets: bytes) -> bool:
        if b"boom" in octets:
            raise self.error("planted")
        return self.secrecy.may_see_payload(role, octets)

    def close(self) -> None:
        self.live.close()
        self.tailing.stop()
        self.sensors.close()
        self.service.shutdown()
        self.service.close()
        self.store.close()


@contextmanager
def lively(folder: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] = RuntimeError) -> Iterator[World]:
    clock = Clock()
    monkeypatch.setattr(looking.time, "time", clock.time)
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(live, "RETRY_SECONDS", 0.02)
    with closing(World(folder, error)) as world:
        yield world


def listen(world: World, role: Any, enough: Callable[[list[Event]], bool], act: Callable[[], None]) -> list[Event]:
    """What a role is told, until it is enough; `act` once the daemon is followed."""

    async def run() -> list[Event]:
        found: list[Event] = []
        events = world.live.events(role)
        acted = asyncio.create_task(asyncio.to_thread(after_the_first_look))
        async with asyncio.timeout(DEADLINE):
            while not enough(found):
                found.append(await anext(events))
        await acted
        await events.aclose()  # type: ignore[attr-defined]
        return found

    def after_the_first_look() -> None:
        until(lambda: world.looks > 0)
        act()

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts the batches that are told."""
    World.looks = 0  # type: ignore[attr-defined]
    since_last = looking.News.since_last

    def counted(news: looking.News) -> Any:
        found = since_last(news)
        World.looks += 1  # type: ignore[attr-defined]
        return found

    monkeypatch.setattr(looking.News, "since_last", counted)


def texts(events: list[Event]) -> list[str]:
    return [event.data["text"] for event in events if event.kind == "payload"]


def test_a_payload_that_cannot_be_searched_is_withheld_and_the_rest_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lively(tmp_path, monkeypatch) as world:

        def act() -> None:
            for text in (b"boom", b"harmless"):
                world.store.come(BEGAN, new=text)
                world.store.show()

        found = listen(world, "analyst", lambda events: "harmless" in texts(events), act)
        assert texts(found) == ["harmless"]
        assert sum(event.data["packets"] for event in found if event.kind == "packets") == 2
        assert world.failed == {"searched": 1}


def test_a_follower_that_fails_is_told_of_and_follows_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised, and for every role that listens."""
    with lively(tmp_path, monkeypatch) as world:
        told = world.live._events

        def failing(role: Any, rows: Any) -> list[Event]:
            if any(row["payload"] == b"boom" for row in rows["new"]):
                raise RuntimeError("planted")
            return told(role, rows)

        monkeypatch.setattr(world.live, "_events", failing)

        def act() -> None:
            world.store.come(BEGAN, new=b"boom")
            world.store.show()
            until(lambda: world.failed["followed"])
            looked = world.looks
            until(lambda: world.looks > looked)
            world.store.come(BEGAN, new=b"harmless")
            world.store.show()

        found = listen(world, "operator", lambda events: "harmless" in texts(events), act)
        [interrupted] = [event.data for event in found if event.kind == "interrupted"]
        assert (interrupted["sensor"], interrupted["why"]) == ("a", live.INTERRUPTED)
        assert world.failed == {"followed": 1}


def test_a_payload_is_searched_for_what_the_sensor_watches_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lively(tmp_path, monkeypatch) as world:

        def act() -> None:
            for number, network in enumerate(("198.51.100", "192.0.2")):
                world.store.come(BEGAN, new=f"Host: {network}.{number}".encode())
                world.watched = (f"{network}.0/24",) if network == "192.0.2" else world.watched
                world.store.show()
                until(lambda: seen)
            world.store.come(BEGAN, new=b"harmless")
            world.store.show()

        seen: list[str] = []

        def enough(events: list[Event]) -> bool:
            seen[:] = texts(events)
            return "harmless" in seen

        assert texts(listen(world, "analyst", enough, act)) == ["Host: 198.51.100.0", "harmless"]
        assert ipaddress.IPv4Network("192.0.2.0/24") in world.sensors.monitored.prefixes()
