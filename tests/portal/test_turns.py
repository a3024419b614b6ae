"""One caller's heavy questions and the others': a real portal before a query daemon's service whose answers to heavy
questions wait for as long as a test likes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from ims.link.contract import NEWEST, OLDEST, Ask, Hello
from ims.portal.federation.asker import Budget, behalf
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.registry import Registry
from ims.portal.federation.scatter import Scatter
from ims.portal.federation.sensors import Sensors
from ims.portal.federation.sensors_backend import SensorsBackend
from ims.queryd.execution import Answerer
from ims.queryd.service import Service
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import ThreadQueue
from ims.telescope import Telescope

from ..effort import sampled
from ..queryd.waiting import DEADLINE, until
from ..stores import BLOCK, MIDNIGHT, ingest, udp, write_pcap
from .deployment import Deployment


class Holding(Answerer):
    """Answers what has a filter when it is told to; all else at once. Knows on whose behalf it was asked."""

    def __init__(self, store: Path, engines: int) -> None:
        super().__init__(store, engines, 256 << 20, 1)
        self.free = threading.Event()
        self.holds: Callable[[Ask], bool] = lambda ask: ask.filter is not None
        self.asked: list[str] = []
        self.held = 0

    def answer(self, ask: Ask, watched: Callable[[Any], None]) -> Iterator[pa.Buffer]:
        self.asked.append(ask.behalf)
        if self.holds(ask):
            self.held += 1
            assert self.free.wait(DEADLINE)
        yield from super().answer(ask, watched)


@contextmanager
def served(store: Path, places: int, name: str = "a") -> Iterator[tuple[Service, Holding, ThreadQueue]]:
    answerer, turns = Holding(store, places), ThreadQueue(places, 16, 64)
    service = Service(
        "grpc://127.0.0.1:0", answerer, turns, refusal=lambda serial: None, tailing=TailService(store),
        hello=lambda: Hello(oldest=OLDEST, newest=NEWEST, program="test", now=time.time(), watched=("198.51.100.0/24",)),
    )  # fmt: skip
    try:
        yield service, answerer, turns
    finally:
        answerer.free.set()
        service.shutdown()
        service.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("turns")
    packets = [(MIDNIGHT + n, udp(0x18000001 + n, 0xC6336407, 53, b"x")) for n in range(50)]
    return ingest(folder / "STORE", write_pcap(folder / "few.pcap", packets), blocks=[BLOCK])


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("portal"), {}, cache=0)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()


def register(portal: Deployment, service: Service) -> None:
    (portal.folder / "registry.toml").write_text(f'[[sensor]]\nname = "a"\naddress = "127.0.0.1:{service.port}"\n')
    until(lambda: ask(portal, "viewer", "count").json().get("answer", {}).get("answered") == ["a"])


def ask(portal: Deployment, role: str, verb: str, **words: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {portal.tokens[role]}"}
    return httpx.post(f"{portal.url}/api/v1/query/{verb}", headers=headers, json=words, timeout=DEADLINE)


def test_a_sensor_is_told_on_whose_behalf_it_is_asked(portal: Deployment, store: Path) -> None:
    with served(store, 2) as (service, answerer, _):
        register(portal, service)
        answerer.free.set()
        told: dict[str, set[str]] = {}
        for role in ("viewer", "analyst", "operator"):
            before = len(answerer.asked)
            for verb in ("count", "series"):
                assert ask(portal, role, verb).status_code == 200
            if role != "viewer":
                assert ask(portal, role, "payloads").status_code == 200
            told[role] = set(answerer.asked[before:])
        assert [len(each) for each in told.values()] == [1, 1, 1], told
        assert len(set.union(*told.values())) == 3
        assert not set.union(*told.values()) & {"", *told}, "a pseudonym, not a name"


@pytest.mark.parametrize("places", [2, 8])
def test_an_honest_caller_has_his_turn_while_all_of_anothers_are_held(
    portal: Deployment, store: Path, places: int
) -> None:
    """The daemon's two places are the narrow ones, or the portal's eight, of which one has half. No time is measured: none of the analyst's
    questions ends before the viewer is answered."""
    with served(store, places) as (service, answerer, turns), ThreadPoolExecutor(8) as flood:
        register(portal, service)
        heavy = [
            flood.submit(ask, portal, "analyst", "count", filter=f"udp and dst port {number}") for number in range(8)
        ]
        until(lambda: answerer.held == min(places - 1, 4))
        try:
            for _ in range(3):
                light = ask(portal, "viewer", "count")
                assert light.status_code == 200
                assert light.json()["answer"]["answered"] == ["a"]
            assert not any(future.done() for future in heavy)
            assert answerer.held == min(places - 1, 4)
        finally:
            answerer.free.set()
        assert {future.result(DEADLINE).status_code for future in heavy} == {200}
        until(lambda: turns.running == 0)


@pytest.mark.parametrize("verb", sampled(["count", "payloads", "sources"], ["payloads"]))
def test_who_is_silent_is_named_before_the_callers_limit(tmp_path: Path, store: Path, verb: str) -> None:
    """Of several rounds, too: the first one leaves time for the others."""
    packets = [(MIDNIGHT, udp(0x18000001, 0xC6336407, 53, b"x"))]
    stuck = ingest(tmp_path / "stuck", write_pcap(tmp_path / "one.pcap", packets), sensor="stuck", blocks=[BLOCK])
    with served(store, 2) as (service, _, _), served(stuck, 2) as (silent, answerer, _):
        answerer.holds = lambda ask: True
        registry = tmp_path / "registry.toml"
        entries = [("a", service.port), ("stuck", silent.port)]
        registry.write_text("".join(f'[[sensor]]\nname = "{n}"\naddress = "127.0.0.1:{p}"\n' for n, p in entries))
        with contextlib.closing(Sensors(Registry(registry), None, lambda serial: None)) as sensors:
            telescope = Telescope(
                backend=SensorsBackend(Scatter(sensors, MergeEngines(1, 64 << 20), Budget(seconds=30)))
            )
            with behalf("somebody", until=time.monotonic() + 3):
                answer = getattr(telescope, verb)()
            answerer.free.set()
        assert set(answer.record.silent) == {"stuck"}
        assert answer.record.asked == ("a", "stuck")
        assert answer.record.sensors == ("a",)
        assert len(answer)
