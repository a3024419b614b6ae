"""Answers of sensors and the room for them, by real daemons' services: who is refused, who is left out, who waits."""

from __future__ import annotations

import contextlib
import gc
import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ims.lake.config import LakeConfig
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.link.contract import Ask, End
from ims.link.envelope import ending, pieces, put
from ims.portal.federation.asker import Budget, Effort, behalf
from ims.portal.federation.lake_peer import LakeHalf, LakePeer
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.part_memory import ALONE_TOO_LARGE, OTHERS, TOO_LARGE, AnswerShare, PartMemory
from ims.portal.federation.registry import Registry
from ims.portal.federation.responses import Responses
from ims.portal.federation.scatter import Scatter
from ims.portal.federation.sensors import Sensors
from ims.portal.federation.sensors_backend import SensorsBackend
from ims.query.engines.duckdb import Engine
from ims.query.errors import LaterError, QuestionError
from ims.query.question import Question
from ims.query.request import make_request
from ims.telescope import Telescope

from ...queryd.waiting import DEADLINE, crowd, until
from ...stores import BLOCK, MIDNIGHT, ingest, udp, write_pcap
from ..test_turns import Holding, served

SOURCES = 300_000
"""Of which halves of `sources` take more than what is always free."""
ROOM = 64 << 20


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    sources = np.random.default_rng(14).choice(1 << 24, SOURCES, replace=False)
    packets = [(MIDNIGHT + n // 1000, udp(0x18000000 + int(s), 0xC6336407, 53, b"")) for n, s in enumerate(sources)]
    return ingest(folder / "STORE", write_pcap(folder / "many.pcap", packets), blocks=[BLOCK])


class Asking:
    """Services of one store under several names, and what a portal asks them with."""

    def __init__(self, folder: Path, store: Path, names: str, lake: LakePeer | None = None) -> None:
        self.room, self._open = PartMemory(ROOM), ExitStack()
        self.sensors: dict[str, Holding] = {}
        registry = ""
        for name in names:
            service, self.sensors[name], _ = self._open.enter_context(served(store, 2))
            self.sensors[name].free.set()
            registry += f'[[sensor]]\nname = "{name}"\naddress = "127.0.0.1:{service.port}"\n'
        (folder / "registry.toml").write_text(registry)
        self.sensors_asked = Sensors(Registry(folder / "registry.toml"), None, lambda serial: None)
        self._open.enter_context(contextlib.closing(self.sensors_asked))
        scatter = Scatter(
            self.sensors_asked, MergeEngines(1, 512 << 20), Budget(3600.0, octets=ROOM), lake=lake, room=self.room
        )
        self.telescope = Telescope(backend=SensorsBackend(scatter))

    def top(self, effort: Effort | None = None) -> Any:
        with behalf("somebody", effort=effort):
            return self.telescope.top("source", limit=10)

    @contextmanager
    def without_room(self) -> Iterator[None]:
        """While others hold all there is."""
        with self.room.share("x") as x, self.room.share("y") as y:
            for held in (x, y):
                held.answer("z").take(ROOM // 2)
            yield

    def close(self) -> None:
        for answerer in self.sensors.values():
            answerer.free.set()
        self._open.close()


@pytest.fixture
def asking(tmp_path: Path, store: Path) -> Iterator[Callable[..., Asking]]:
    with ExitStack() as stack:

        def made(names: str, store: Path = store, lake: LakePeer | None = None) -> Asking:
            return stack.enter_context(contextlib.closing(Asking(tmp_path, store, names, lake)))

        yield made


def test_a_large_question_finds_no_room_and_a_small_one_is_answered(asking: Callable[..., Asking]) -> None:
    portal, effort = asking("a"), Effort()
    with portal.without_room():
        with pytest.raises(LaterError, match=OTHERS):
            portal.top(effort)
        assert effort.seconds, "what sensors did in vain"
        with behalf("somebody"):
            [row] = portal.telescope.series(bin="1h").rows()
            assert row["value"] == SOURCES
    assert len(portal.top()) == 10
    assert portal.room.held == 0


def test_who_finds_no_room_does_not_wait_for_the_slowest(asking: Callable[..., Asking]) -> None:
    portal = asking("ab")
    portal.sensors["b"].holds = lambda ask: True
    portal.sensors["b"].free.clear()
    with crowd(1) as threads, portal.without_room():
        refused = threads.go(portal.top)
        assert str(refused.exception(DEADLINE)) == OTHERS
        assert portal.room.held == ROOM, "the others' alone"


def test_who_finds_no_room_does_not_wait_for_the_lake(
    asking: Callable[..., Asking], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = str(tmp_path / "LAKE")
    Shipper(ingest(tmp_path / "OTHER", *_few(tmp_path), sensor="other"), open_place(lake)).ship("other")
    given_up: list[LakeHalf] = []
    give_up = LakeHalf.give_up
    monkeypatch.setattr(LakeHalf, "give_up", lambda half: (given_up.append(half), give_up(half)))
    with contextlib.closing(LakePeer(lake, LakeConfig(memory=64 << 20, threads=1))) as side:
        portal = asking("a", lake=side)
        assert "the lake" in portal.top().record.asked
        with portal.without_room(), pytest.raises(LaterError):
            portal.top()
    assert len(given_up) == 1


def _few(folder: Path) -> list[Path]:
    return [write_pcap(folder / "few.pcap", [(MIDNIGHT, udp(0x18000001, 0xC6336407, 53, b""))])]


def test_asking_anew_where_the_lake_fails_is_work_too(
    asking: Callable[..., Asking], tmp_path: Path, one_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, store = str(tmp_path / "LAKE"), shutil.copytree(one_store, tmp_path / "STORE")
    Shipper(store, open_place(lake)).ship("a")

    def unreadable(*_words: Any) -> Any:
        raise OSError("it can't be read")

    monkeypatch.setattr(Engine, "partial", unreadable)  # the lake's alone
    monkeypatch.setattr(Responses, "worked", 1000.0)
    with contextlib.closing(LakePeer(lake, LakeConfig(memory=64 << 20, threads=1))) as side:
        portal, effort = asking("a", store=store, lake=side), Effort()
        with behalf("somebody", effort=effort):
            found = portal.telescope.series(bin="1h")
        assert set(found.record.silent) == {"the lake"}
        assert len(portal.sensors["a"].asked) == 2
    assert effort.seconds >= 2000


def lying(octets: int, whole: bool) -> Callable[[Ask, Any], Iterator[pa.Buffer]]:
    """Answers with so many octets of invented sources, and an end, or what is none."""
    rows = octets // 12

    def answer(ask: Ask, _watched: Any) -> Iterator[pa.Buffer]:
        part = pa.table({"key": pa.array(np.arange(rows), pa.uint32()), "value": pa.array(np.ones(rows), pa.int64())})
        yield from pieces("0/values", part)
        yield ending(End(seconds=0, parts={"0/values": rows, "1/rows": 0})) if whole else put("nothing", b"")

    return answer


def test_one_sensor_s_huge_answer_is_left_out_and_the_others_are_answered(asking: Callable[..., Asking]) -> None:
    portal = asking("ab")
    portal.sensors["b"].answer = lying(2 * ROOM, whole=True)
    found = portal.top()
    assert found.record.silent == {"b": ALONE_TOO_LARGE}
    assert len(found) == 10
    assert portal.room.held == 0


def test_why_one_sensor_is_not_taken_does_not_keep_the_others_answers(asking: Callable[..., Asking]) -> None:
    """Whether or not Python ever looks for garbage in cycles."""
    portal = asking("ab")
    question = Question(plan="ranked", request=make_request("sources", None), key="source")
    wanted = {f"0/{name}": schema for name, schema in MergeEngines(1, 128 << 20).schemas(question).items()}
    ask = Ask(version=2, questions=(question,), seconds=DEADLINE)

    def without_what_it_watches(_ask: Ask, _watched: Any) -> Iterator[pa.Buffer]:
        for name, schema in wanted.items():
            yield from pieces(name, schema.empty_table())
        yield ending(End(seconds=0.0, parts=dict.fromkeys(wanted, 0)))

    portal.sensors["b"].answer = without_what_it_watches  # type: ignore[method-assign]
    gc.collect()
    gc.disable()
    try:
        before = pa.total_allocated_bytes()
        found = portal.sensors_asked.scatter(lambda peer: ask, wanted, DEADLINE, known_only=True)
        assert ({*found.parts}, {name: fault.kind for name, fault in found.faults.items()}) == ({"a"}, {"b": "unknown"})
        held = sum(table.nbytes for table in found.parts["a"].values())
        assert held > SOURCES * 4
        del found
        assert pa.total_allocated_bytes() - before < held // 2
    finally:
        gc.enable()


def test_a_question_whose_answers_are_too_large_together_is_refused(asking: Callable[..., Asking]) -> None:
    portal = asking("abc")
    for answerer in portal.sensors.values():
        answerer.answer = lying(ROOM // 5 * 3, whole=True)
    with pytest.raises(QuestionError, match=TOO_LARGE):
        portal.top()
    assert portal.room.held == 0


def test_what_a_broken_sensor_took_is_free_while_its_question_goes_on(
    asking: Callable[..., Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = asking("ab")
    portal.sensors["b"].answer = lying(ROOM // 2, whole=False)
    portal.sensors["a"].holds = lambda ask: True
    portal.sensors["a"].free.clear()
    held: list[int] = []
    take = AnswerShare.take

    def noted(answer: AnswerShare, octets: int) -> None:
        take(answer, octets)
        held.append(portal.room.held)

    monkeypatch.setattr(AnswerShare, "take", noted)
    with crowd(1) as threads:
        found = threads.go(portal.top)
        until(lambda: held and portal.room.held == 0)
        assert max(held) > ROOM // 4
        portal.sensors["a"].free.set()
        assert set(found.result(DEADLINE).record.silent) == {"b"}


def test_an_export_waits_for_room(tmp_path: Path, asking: Callable[..., Asking]) -> None:
    dice, count = np.random.default_rng(1), 3000
    packets = [(MIDNIGHT, udp(0x18000001, 0xC6336407, 53, dice.bytes(1200))) for _ in range(count)]
    large = ingest(tmp_path / "LARGE", write_pcap(tmp_path / "large.pcap", packets), blocks=[BLOCK])
    portal, out = asking("a", store=large), io.BytesIO()

    def export() -> int:
        with behalf("somebody"):
            return int(portal.telescope.export(out, "pcap").packets)

    with crowd(1) as threads:
        with portal.without_room():
            exported = threads.go(export)
            # Hours, what finds no room, and that again.
            until(lambda: exported.done() or len(portal.sensors["a"].asked) > 2)
        assert exported.result(DEADLINE) == count
