"""A portal with a lake beside its sensors gives the answer of one store, whoever of them holds a packet by now.

Five sensors of three hours of `ims-2004`: one has shipped all and dropped what it could; one has shipped, and then more
came in, for the same hours too; one has never shipped; one has shipped all and keeps it; one is in no registry any more
and the lake has what it shipped.
"""

from __future__ import annotations

import json
import shutil
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.lake.config import checked_lake
from ims.lake.drop import drop_shipped
from ims.lake.lake import open_lake
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.link.contract import NEWEST, OLDEST, Ask, Hello
from ims.portal.federation.asker import Budget, behalf
from ims.portal.federation.fault import Fault
from ims.portal.federation.lake_peer import LakePeer
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.registry import Registry
from ims.portal.federation.scatter import Scatter, SensorsRun
from ims.portal.federation.sensors import Sensors
from ims.portal.federation.sensors_backend import SensorsBackend
from ims.query.engines.spark_session import stop_spark
from ims.query.question import Question
from ims.query.request import GROUPS, METRICS, make_request
from ims.queryd.execution import Answerer
from ims.queryd.service import Service
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import ThreadQueue
from ims.simulate.output.capture import write_scenario
from ims.simulate.scenario.scenario import SCENARIOS, scenario_of
from ims.store.reader import open_store
from ims.telescope import Telescope

from ..effort import every, share
from ..queryd.waiting import until
from ..stores import MIDNIGHT, ingest, udp, write_pcap
from .test_same_answer import DAY, FILTERS, Daemons, assert_same, records

SCALE = 0.01
SENSORS = {"dropped": "E/18", "late": "F/17", "never": "C/24", "kept": "G/18", "gone": "Q1/17"}
"""By what became of each: its block."""
YEARS_LATER = 2_000_000_000_000_000


class World:
    """Stores, a lake, daemons that can be stopped, and the one store that holds it all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores: dict[str, Path] = {}
        self.lake = folder / "lake"
        self.services: dict[str, Service] = {}
        data = tomllib.loads((SCENARIOS / "ims-2004.toml").read_text())
        data |= {"duration": "3h", "scale": SCALE, "attack": [a for a in data["attack"] if "since" not in a]}
        scenario = scenario_of(data)
        for seed in (3, 4):
            with (folder / f"{seed}.pcap").open("wb") as file:
                write_scenario(scenario, file, seed=seed)
        prefixes = {block.name: block.prefix for block in scenario.blocks()}
        for name, block in SENSORS.items():
            self.stores[name] = self._ingest(name, 3, f"{block}={prefixes[block]}")
        for name in ("dropped", "late", "kept", "gone"):
            self.ship(name)
        self._ingest("late", 4, f"{SENSORS['late']}={prefixes[SENSORS['late']]}")
        self.one = folder / "one"
        for store in self.stores.values():
            shutil.copytree(store, self.one, dirs_exist_ok=True)
        (folder / "registry.toml").write_text("")

    def _ingest(self, name: str, seed: int, block: str) -> Path:
        return ingest(self.folder / name, self.folder / f"{seed}.pcap", sensor=name, blocks=[block])

    def ship(self, name: str) -> int:
        return Shipper(self.stores[name], open_place(self.lake)).ship(name).number

    def drop(self, name: str) -> int:
        return drop_shipped(self.stores[name], name, YEARS_LATER, keep_age_us=1)["hours"]

    def serve(self, *names: str) -> None:
        for name in names:
            store = self.stores[name]
            self.services[name] = Service(
                "grpc://127.0.0.1:0", Answerer(store, 1, 256 << 20, 1), ThreadQueue(2, 64, 256), hello=partial(hello, store),
                refusal=lambda serial: None, tailing=TailService(store),
            )  # fmt: skip
        self.register()

    def register(self) -> None:
        entries = [
            f'[[sensor]]\nname = "{name}"\naddress = "127.0.0.1:{service.port}"\n'
            for name, service in self.services.items()
        ]
        (self.folder / "registry.toml").write_text("\n".join(entries))

    def stop(self, *names: str) -> None:
        for name in names:
            service = self.services.pop(name)
            service.shutdown()
            service.close()


def hello(store: Path) -> Hello:
    with open_store(store) as opened:
        return Hello(oldest=OLDEST, newest=NEWEST, program="test", sensors=opened.sensors, now=time.time())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    assert world.drop("dropped") == 3
    world.serve("dropped", "late", "never", "kept")
    yield world
    world.stop(*list(world.services))


@pytest.fixture(scope="module")
def one(world: World) -> Iterator[Telescope]:
    with ims.open(world.one) as telescope:
        yield telescope


def asking(world: World, engine: str = "duckdb") -> Scatter:
    sensors = Sensors(Registry(world.folder / "registry.toml"), None, lambda serial: False)
    config = checked_lake({"engine": engine, "spark": {"master": "local[2]"}})
    return Scatter(sensors, MergeEngines(1, 512 << 20), Budget(seconds=120), lake=LakePeer(str(world.lake), config))


@pytest.fixture(scope="module")
def scatter(world: World) -> Iterator[Scatter]:
    scatter = asking(world)
    yield scatter
    close(scatter)


def close(scatter: Scatter) -> None:
    scatter.sensors.close()
    assert scatter.lake is not None
    scatter.lake.close()


@pytest.fixture(scope="module")
def scattered(scatter: Scatter) -> Telescope:
    return Telescope(backend=SensorsBackend(scatter))


def test_each_holds_what_its_name_says(world: World) -> None:
    def packets(name: str) -> int:
        with ims.open(world.stores[name]) as telescope:
            return int(telescope.count().rows()[0]["packets"])

    found = {name: packets(name) for name in SENSORS}
    with ims.open(lake=world.lake) as lake:
        shipped = {row["sensor"]: row["value"] for row in lake.top("sensor").rows()}
    with ims.open(world.one) as one:
        all_of = {row["sensor"]: row["value"] for row in one.top("sensor").rows()}
    assert (found["dropped"], shipped["dropped"]) == (0, all_of["dropped"])
    assert 0 < shipped["late"] < found["late"] == all_of["late"]
    assert "never" not in shipped
    assert found["never"] == all_of["never"] > 0
    assert found["kept"] == shipped["kept"] == all_of["kept"] > 0
    assert shipped["gone"] == all_of["gone"] > 0


@pytest.mark.parametrize("filter", every(3, FILTERS))
def test_count(one: Telescope, scattered: Telescope, filter: str | None) -> None:
    assert_same(scattered.count(filter), one.count(filter))
    words = {"since": f"{DAY}T00:40", "until": f"{DAY}T02:30:00.5"}
    assert_same(scattered.count(filter, **words), one.count(filter, **words))


@pytest.mark.parametrize("metric", METRICS)
def test_top_and_series_of_every_group(one: Telescope, scatter: Scatter, metric: str) -> None:
    groups = [*GROUPS, "source/8", "destination/20"]
    questions = [
        Question(plan="top", request=make_request("top", None, group=group, metric=metric, limit=1_000_000))
        for group in groups
    ] + [
        Question(plan="series", request=make_request("series", None, group=group, metric=metric, bin="1h"))
        for group in ("destination_port", "block", "sensor")
    ]
    questions = list(share(questions, METRICS.index(metric), len(METRICS)))
    for begin in range(0, len(questions), 15):
        part = questions[begin : begin + 15]
        with SensorsRun(part[0].request, scatter, {}) as asked:
            found = asked.run(*part)
        with one.backend.begin(part[0].request) as asked:
            expected = asked.run(*part)
        for question, table, right in zip(part, found, expected, strict=True):
            assert table.equals(right), question


@pytest.mark.parametrize("per_24", [False, True])
def test_series_as_they_are_shown(one: Telescope, scattered: Telescope, per_24: bool) -> None:
    for words in ({"bin": "5m"}, {"bin": "1h", "group": "block"}, {"bin": "1d", "group": "source/8"}):
        assert_same(scattered.series("tcp", per_24=per_24, **words), one.series("tcp", per_24=per_24, **words))


@pytest.mark.parametrize("filter", every(2, [None, "udp", 'payload contains "synthetic"']))
def test_the_other_verbs(one: Telescope, scattered: Telescope, filter: str | None) -> None:
    assert_same(scattered.packets(filter, limit=500), one.packets(filter, limit=500))
    assert_same(scattered.sources(filter, limit=50), one.sources(filter, limit=50))
    assert_same(scattered.payloads(filter, limit=30), one.payloads(filter, limit=30))
    assert_same(scattered.cache(filter, bin="30m"), one.cache(filter, bin="30m"))
    assert_same(scattered.coverage(), one.coverage())


@pytest.mark.parametrize("at", ["address", "sensor", "anywhere"])
def test_a_chain_is_found_whoever_holds_its_steps(one: Telescope, scattered: Telescope, at: str) -> None:
    """Of `late`, the lake may have the first step and the sensor the second, or the other way round."""
    for words in (
        {"first": "ip", "then": "ip", "within": "3h"},
        {"filter": "sensor late", "first": "tcp or icmp", "then": ["ip"], "within": "3h", "bin": "1h"},
    ):
        expected = one.chain(**words, at=at)
        assert len(expected)
        assert_same(scattered.chain(**words, at=at), expected)


@pytest.mark.parametrize("at", ["address", "sensor", "anywhere"])
def test_a_chain_whose_steps_were_shipped_at_different_times_is_found(tmp_path: Path, at: str) -> None:
    """The lake has the first step, and the sensor the second, of the same minute and address."""
    store, lake = tmp_path / "STORE", tmp_path / "lake"
    for second, port in ((0, 135), (30, 4444)):
        packet = (MIDNIGHT + second * 10**9, udp(0x0808_0808, 0xC633_6409, port, b"step"))
        ingest(store, write_pcap(tmp_path / f"{port}.pcap", [packet]))
        if port == 135:
            Shipper(store, open_place(lake)).ship("a")
    daemons = Daemons({"a": store}, tmp_path / "registry.toml")
    sensors = Sensors(Registry(tmp_path / "registry.toml"), None, lambda serial: False)
    peer = LakePeer(str(lake), checked_lake({}))
    scatter = Scatter(sensors, MergeEngines(1, 512 << 20), Budget(seconds=120), lake=peer)
    try:
        words = {"first": "dst port 135", "then": "dst port 4444", "within": "1m", "at": at}
        with ims.open(store) as one:
            expected = one.chain(**words)
        assert len(expected) == 1
        found = Telescope(backend=SensorsBackend(scatter))
        assert found.count().rows()[0]["packets"] == 2
        assert found.chain(**words).table.equals(expected.table)
    finally:
        close(scatter)
        daemons.close()


@pytest.mark.parametrize("format", ["pcap", "json"])
def test_exports(one: Telescope, scattered: Telescope, tmp_path: Path, format: str) -> None:
    for name, telescope in (("one", one), ("scattered", scattered)):
        telescope.export(tmp_path / name, format, "udp or category backscatter")
    if format == "pcap":
        assert sorted(records(tmp_path / "one")) == sorted(records(tmp_path / "scattered"))
        return
    assert (tmp_path / "one").read_bytes() == (tmp_path / "scattered").read_bytes()


def test_who_answered_is_said(scattered: Telescope) -> None:
    record = scattered.count().record
    assert record.asked == ("dropped", "kept", "late", "never", "the lake")
    assert record.sensors == ("dropped", "gone", "kept", "late", "never")
    assert "the lake" in record.took


def test_a_lake_is_held_back_until_it_is_known_what_it_says_was_watched(world: World) -> None:
    """From those who may not see it; then it is known of sensors, too, that nobody can ask any more."""
    scatter = asking(world)
    telescope, monitored = Telescope(backend=SensorsBackend(scatter)), scatter.sensors.monitored
    look = scatter.lake.look  # type: ignore[union-attr]
    looks: list[Any] = []
    scatter.lake.look = looks.append  # type: ignore[union-attr,method-assign,assignment]
    try:
        telescope.count()  # an operator's: from now on it is known what the sensors watch
        with behalf("analyst", known_only=True):
            record = telescope.count().record
            assert record.silent == {"the lake": "it isn't known yet what it watches"}
            assert "gone" not in record.sensors
            assert monitored.unknown(["the lake"])
            look(looks[-1])
            until(lambda: not monitored.unknown(["the lake"]))
            record = telescope.count().record
        assert not record.silent
        assert "gone" in record.sensors
        with ims.open(lake=world.lake) as lake:
            prefixes = {row["prefix"] for row in lake.coverage().rows() if row["sensor"] == "gone"}
        assert prefixes
        assert prefixes <= {str(prefix) for prefix in monitored.prefixes()}
    finally:
        close(scatter)


@pytest.mark.exhaustive  # a Java of its own
def test_spark_tells_the_lake_s_half_too(world: World, one: Telescope) -> None:
    stop_spark()
    scatter = asking(world, "spark")
    try:
        scattered = Telescope(backend=SensorsBackend(scatter))
        assert_same(scattered.count("tcp"), one.count("tcp"))
        assert_same(scattered.top("destination_port"), one.top("destination_port"))
        assert_same(scattered.payloads(limit=5), one.payloads(limit=5))
    finally:
        close(scatter)
        stop_spark()


def test_what_is_shipped_between_two_looks_at_the_ledgers_is_counted_once(world: World, one: Telescope) -> None:
    """The portal knows the lake of a moment ago; the sensor has shipped since, and dropped it. (After the others.)"""
    scatter = asking(world)
    try:
        assert scatter.lake is not None
        known = scatter.lake.lake()
        before = known.ledgers["late"].number
        assert world.ship("late") > before
        assert world.drop("late") == 3
        assert scatter.lake.lake() is known
        scattered = Telescope(backend=SensorsBackend(scatter))
        assert_same(scattered.count(), one.count())
        assert_same(scattered.coverage(), one.coverage())
    finally:
        close(scatter)


def test_a_sensor_that_is_silent_is_the_lake_s(world: World, one: Telescope) -> None:
    scatter = asking(world)
    try:
        registry = (world.folder / "registry.toml").read_text()
        world.stop("kept")
        answer = Telescope(backend=SensorsBackend(scatter)).count()
        assert answer.table.equals(one.count().table)
        assert list(answer.record.silent) == ["kept"]
        assert registry == (world.folder / "registry.toml").read_text()
    finally:
        close(scatter)
        world.serve("kept")


def test_a_daemon_that_knows_no_lakes_tells_all_itself(
    world: World, one: Telescope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that is a version older: it skips what it doesn't know."""
    answer = Answerer.answer

    def older(self: Answerer, ask: Ask, watched: Any) -> Any:
        return answer(self, ask.model_copy(update={"lake": "", "beyond": {}}), watched)

    monkeypatch.setattr(Answerer, "answer", older)
    scatter = asking(world)
    try:
        found = Telescope(backend=SensorsBackend(scatter)).top("sensor").rows()
        expected = {row["sensor"]: row["value"] for row in one.top("sensor").rows()}
        for dropped in ("dropped", "late"):  # an older daemon in front of a store that relies on the lake
            del expected[dropped]
        assert {row["sensor"]: row["value"] for row in found} == expected
    finally:
        close(scatter)


@pytest.mark.parametrize("how", ["gone", "damaged", "a file is missing"])
def test_a_lake_that_fails_is_said_and_the_sensors_tell_what_they_have(world: World, how: str) -> None:
    scatter = asking(world)
    ledger = world.lake / "_lake" / "sensor=kept.json"
    aside, octets = world.folder / "aside", ledger.read_bytes()
    missing = next(world.lake.glob("packets/sensor=kept/**/*.parquet"))
    try:
        if how == "gone":
            world.lake.rename(aside)
        elif how == "damaged":
            ledger.write_bytes(octets[:-40])
        else:
            missing.rename(aside)
        answer = Telescope(backend=SensorsBackend(scatter)).top("sensor")
        expected = {}
        for name in ("kept", "never"):
            with ims.open(world.stores[name]) as telescope:
                expected[name] = telescope.count().rows()[0]["packets"]
        assert {row["sensor"]: row["value"] for row in answer.rows()} == expected
        assert answer.record.silent == {"the lake": "it can't be read"}
    finally:
        close(scatter)
        if how == "gone":
            aside.rename(world.lake)
        elif how == "damaged":
            ledger.write_bytes(octets)
        else:
            aside.rename(missing)


def test_too_many_rows_are_refused(world: World) -> None:
    scatter = asking(world)
    scatter.budget = replace(scatter.budget, rows=1000)
    try:
        with pytest.raises((ValueError, OSError), match=r"partial rows"):
            Telescope(backend=SensorsBackend(scatter)).count()
    finally:
        close(scatter)


def test_a_lake_that_is_late_is_interrupted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from ims.query.engines.duckdb import Engine
    from ims.query.engines.duckdb_adapter import plainly

    interrupted: list[bool] = []
    slow = "SELECT count(*) AS packets FROM range(100000000000) a, range(100000) b"
    monkeypatch.setattr(Engine, "interrupt", lambda self: (interrupted.append(True), self._con.interrupt()))

    def forever(self: Engine, *_: Any) -> Iterator[tuple[str, Any]]:
        with plainly():
            yield "values", self._con.sql(slow).to_arrow_table()

    monkeypatch.setattr(Engine, "_partial", forever)
    side = LakePeer(str(world.lake), checked_lake({}))
    try:
        question = Question(plan="top", request=make_request("top", None, group="block"))
        half = side.begin([question], frozenset(), 1.0, 1000)
        with pytest.raises(Fault, match="in time"):
            half._result()
        error = half._future.exception(60)  # it really ends
        assert interrupted
        assert isinstance(error, Fault)
        assert error.kind == "late"
    finally:
        side.close()


def test_where_it_is_comes_from_the_settings(tmp_path: Path) -> None:
    from ims.portal.config import checked_portal

    said = {"registry": "r", "accounts": "a", "audit": "b", "lake": {"uri": "s3://lake/of/us", "engine": "spark"}}
    config = checked_portal(said)
    assert config.lake is not None
    assert (config.lake.uri, config.lake.engine) == ("s3://lake/of/us", "spark")
    with pytest.raises(ValueError, match="engine"):
        checked_portal(json.loads(json.dumps(said | {"lake": {"uri": "x", "engine": "presto"}})))
    with pytest.raises(FileNotFoundError):
        open_lake(tmp_path / "none")
