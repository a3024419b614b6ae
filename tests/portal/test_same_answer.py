"""Scattered over the sensors of Table 1, the answer is the one that one store gives: every verb, group and metric.

The traffic is three hours of `ims-2004`, scaled down. Each of the thirty blocks has a store of its own and a query daemon in front of
it; beside them stands one store that holds all thirty sensors. (In a commit: nine of
the thirty, each filter and each group.)
"""

from __future__ import annotations

import ipaddress
import shutil
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import ims
from ims.link.contract import NEWEST, OLDEST, Hello
from ims.portal.federation.asker import Budget
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.registry import Registry
from ims.portal.federation.scatter import Scatter, SensorsRun
from ims.portal.federation.sensors import Sensors
from ims.portal.federation.sensors_backend import SensorsBackend
from ims.query.plans.hidden_sources import ranges_of
from ims.query.question import Question
from ims.query.request import GROUPS, METRICS, make_request
from ims.queryd.execution import Answerer
from ims.queryd.service import Service
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import ThreadQueue
from ims.simulate.output.capture import write_scenario
from ims.simulate.scenario.scenario import SCENARIOS, scenario_of
from ims.telescope import Telescope

from ..effort import every, pick, share
from ..hiding import Hiding
from ..stores import ingest

SCALE = 0.016
PREFIXES = ("source/8", "source/16", "destination/20", "source/32")
DAY = "2004-07-14"
FILTERS = (
    None, "tcp", "udp dst port 1434", "category backscatter", "payload", "new", "not tcp and not udp", "src net 24.0.0.0/6",
    "block C/24 or block D/24", "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn and ttl < 115", 'payload contains "synthetic"',
    "sensor A1-24", "dst port 445 and src portrange 1024-2000", "ip[2:2] > 60", "net 10.0.0.0/9",
)  # fmt: skip


SAMPLE = ("A1/24", "C/24", "D/24", "E/18", "F/17", "H1/20", "M3/25", "N1/22", "O/8")
"""Blocks of a commit's test: each size, those that filters name, and one that answers nothing."""


class Daemons:
    """Query daemons in this process, one a store, on loopback, in plain text."""

    def __init__(self, stores: dict[str, Path], registry: Path) -> None:
        self.services: list[Service] = []
        entries = []
        for name, store in stores.items():
            service = Service(
                "grpc://127.0.0.1:0", Answerer(store, 1, 256 << 20, 1), ThreadQueue(2, 64, 256), hello=hello,
                refusal=lambda serial: None, tailing=TailService(store),
            )  # fmt: skip
            self.services.append(service)
            entries.append(f'[[sensor]]\nname = "{name}"\naddress = "127.0.0.1:{service.port}"\n')
        registry.write_text("\n".join(entries))

    def close(self) -> None:
        for service in self.services:
            service.shutdown()
            service.close()


def hello() -> Hello:
    return Hello(oldest=OLDEST, newest=NEWEST, program="test", now=time.time())


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store for each block of Table 1, whose name is the sensor's, with `-` for `/`."""
    folder = tmp_path_factory.mktemp("table1")
    data = tomllib.loads((SCENARIOS / "ims-2004.toml").read_text())
    data |= {"duration": "3h", "scale": SCALE, "attack": [a for a in data["attack"] if "since" not in a]}
    scenario = scenario_of(data)
    with (folder / "day.pcap").open("wb") as file:
        write_scenario(scenario, file, seed=3)
    found = {}
    blocks = scenario.blocks()
    for block in pick(blocks, [block for block in blocks if block.name in SAMPLE]):
        name = block.name.replace("/", "-")
        found[name] = ingest(folder / name, folder / "day.pcap", sensor=name, blocks=[f"{block.name}={block.prefix}"])
    return found


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, stores: dict[str, Path]) -> Iterator[Telescope]:
    """The one store: all the others' files in one tree."""
    whole = tmp_path_factory.mktemp("whole") / "STORE"
    for store in stores.values():
        shutil.copytree(store, whole, dirs_exist_ok=True)
    with ims.open(whole) as telescope:
        yield telescope


@pytest.fixture(scope="module")
def scatter(tmp_path_factory: pytest.TempPathFactory, stores: dict[str, Path]) -> Iterator[Scatter]:
    registry = tmp_path_factory.mktemp("registry") / "registry.toml"
    daemons = Daemons(stores, registry)
    sensors = Sensors(Registry(registry), None, lambda serial: False)
    yield Scatter(sensors, MergeEngines(1, 512 << 20), Budget(seconds=120))
    sensors.close()
    daemons.close()


@pytest.fixture(scope="module")
def scattered(scatter: Scatter) -> Telescope:
    return Telescope(backend=SensorsBackend(scatter))


def assert_same(found: Any, expected: Any) -> None:
    assert found.table.schema.equals(expected.table.schema)
    assert found.table.equals(expected.table), (found.table.to_pylist()[:5], expected.table.to_pylist()[:5])
    assert not found.record.silent
    for name in ("sensors", "darknet_24s", "frames_lost", "payloads_lost"):
        assert getattr(found.record, name) == getattr(expected.record, name), name


def test_there_is_something_to_compare(one: Telescope, stores: dict[str, Path]) -> None:
    [row] = one.count().rows()
    assert len(stores) == pick(30, len(SAMPLE))
    assert row["packets"] > 20_000
    assert row["signatures"] > 100
    assert len(one.top("sensor", limit=100)) >= pick(25, 7)


@pytest.mark.parametrize("filter", every(2, FILTERS))
def test_count(one: Telescope, scattered: Telescope, filter: str | None) -> None:
    assert_same(scattered.count(filter), one.count(filter))
    words = {"since": f"{DAY}T00:40", "until": f"{DAY}T02:30:00.5"}
    if FILTERS.index(filter) % 4 and not pick(True, False):
        return
    assert_same(scattered.count(filter, **words), one.count(filter, **words))


@pytest.mark.parametrize("metric", METRICS)
def test_top_and_series_of_every_group(one: Telescope, scatter: Scatter, metric: str) -> None:
    """Asked sixteen at a time, as one request may."""
    groups = [*GROUPS, *PREFIXES]
    questions = [
        Question(plan="top", request=make_request("top", None, group=group, metric=metric, limit=1_000_000))
        for group in groups
    ] + [
        Question(plan="series", request=make_request("series", None, group=group, metric=metric, bin="1h"))
        for group in ("destination_port", "block", "category", "source/8", "sensor")
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


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("per_24", [False, True])
def test_series(one: Telescope, scattered: Telescope, metric: str, per_24: bool) -> None:
    kinds = ({"bin": "5m"}, {"bin": "1h", "group": "block"}, {"bin": "1d", "group": "source/8"})
    for words in share(kinds, METRICS.index(metric) + per_24, len(kinds)):
        asked = {"metric": metric, "per_24": per_24, **words}
        assert_same(scattered.series("tcp", **asked), one.series("tcp", **asked))


COLUMNS = ["destination_port", "block", "sensor", "source", "signature", "destination/24"]


@pytest.mark.parametrize("column", COLUMNS)
def test_top_as_it_is_shown(one: Telescope, scattered: Telescope, column: str) -> None:
    for per_24 in share((False, True), COLUMNS.index(column), 2):
        assert_same(scattered.top(column, per_24=per_24, limit=7), one.top(column, per_24=per_24, limit=7))


@pytest.mark.parametrize("filter", every(2, [None, "udp", "category scan and src net 128.0.0.0/2"]))
def test_the_other_verbs(one: Telescope, scattered: Telescope, filter: str | None) -> None:
    assert_same(scattered.packets(filter, limit=1000), one.packets(filter, limit=1000))
    assert_same(scattered.sources(filter, limit=50), one.sources(filter, limit=50))
    assert_same(scattered.payloads(filter, limit=30), one.payloads(filter, limit=30))
    assert_same(scattered.cache(filter, bin="30m"), one.cache(filter, bin="30m"))
    assert_same(scattered.coverage(), one.coverage())


CHAINS: list[dict[str, Any]] = [
    {"first": "tcp", "then": "tcp"},
    {"first": "tcp", "then": ["payload"], "within": "1h", "bin": "30m"},
    {"filter": "not udp", "first": "ip", "then": ["ip", "ip"], "within": "90m", "at": "sensor"},
    {"first": "ip", "then": ["ip"], "within": "1h", "at": "anywhere", "bin": "1h"},
    {"first": "tcp", "then": ["udp", "payload or icmp"], "within": "3h", "at": "anywhere"},
    {"first": "ip", "then": "ip", "within": "1h", "at": "anywhere", "limit": 9},
]


@pytest.mark.parametrize("words", every(2, CHAINS), ids=str)
def test_chains(one: Telescope, scattered: Telescope, words: dict[str, Any]) -> None:
    expected = one.chain(**words)
    assert len(expected)
    assert_same(scattered.chain(**words), expected)


def test_a_chain_over_two_sensors_is_found_anywhere_and_at_no_sensor(one: Telescope, scattered: Telescope) -> None:
    """In one store of both as at a portal."""
    words = {"first": "sensor O-8", "then": "not sensor O-8", "within": "3h"}
    for telescope in (one, scattered):
        found = {at: len(telescope.chain(**words, at=at)) for at in ("address", "sensor", "anywhere")}
        assert found["address"] == found["sensor"] == 0 < found["anywhere"]
    assert_same(scattered.chain(**words, at="anywhere"), one.chain(**words, at="anywhere"))


@pytest.mark.parametrize("group", [None, "block", "sensor"])
def test_the_darknet(one: Telescope, scattered: Telescope, group: str | None) -> None:
    assert_same(scattered.darknet(bin="7m", group=group), one.darknet(bin="7m", group=group))
    words = {"group": group, "since": f"{DAY}T00:40", "until": f"{DAY}T02:30:00.5", "limit": 3}
    assert_same(scattered.darknet(**words), one.darknet(**words))


def test_what_is_hidden_is_hidden_alike(one: Telescope, scattered: Telescope) -> None:
    sources = [int(ipaddress.IPv4Address(row["source"])) for row in one.sources(limit=900).rows()]
    ranges = ranges_of(
        ipaddress.IPv4Network((source, 32 - n % 9), strict=False) for n, source in enumerate(sources[::3])
    )
    found, expected = Hiding(scattered, ranges), Hiding(one, ranges)
    for filter in ("src net 0.0.0.0/1", "tcp and not src net 128.0.0.0/2"):
        assert_same(found.count(filter), expected.count(filter))
        assert found.count(filter).table != one.count(filter).table
    assert_same(found.sources(limit=900), expected.sources(limit=900))
    assert_same(found.top("source/24", limit=900), expected.top("source/24", limit=900))
    assert_same(found.packets("src net 0.0.0.0/1", limit=50), expected.packets("src net 0.0.0.0/1", limit=50))
    for at in ("sensor", "anywhere"):
        words = {"first": "src net 0.0.0.0/0", "then": "ip", "within": "3h", "at": at}
        assert_same(found.chain(**words), expected.chain(**words))
        own, all_of_them = ({row["source"] for row in each.chain(**words).rows()} for each in (expected, one))
        assert own < all_of_them and not any(
            low <= int(ipaddress.IPv4Address(source)) <= high for source in own for low, high in ranges
        )


def test_a_payload_s_octets(one: Telescope, scattered: Telescope) -> None:
    for row in one.payloads(limit=5).rows():
        assert scattered.payload(row["signature"]) == row["payload"]
    with pytest.raises(ValueError, match="no payload is stored"):
        scattered.payload("00" * 16)


@pytest.mark.parametrize("format", ["pcap", "parquet", "csv", "json"])
def test_exports(one: Telescope, scattered: Telescope, tmp_path: Path, format: str) -> None:
    for name, telescope in (("one", one), ("scattered", scattered)):
        telescope.export(tmp_path / name, format, "udp or category backscatter")
    if format == "pcap":  # packets of one moment may come in another order: sensors send theirs apart
        assert sorted(records(tmp_path / "one")) == sorted(records(tmp_path / "scattered"))
        return
    if format == "parquet":  # how many rows lie in a group depends on what is known of an hour beforehand
        one_table, other = (pq.read_table(tmp_path / name) for name in ("one", "scattered"))
        assert one_table.num_rows > 1000
        assert one_table.equals(other, check_metadata=True)
        return
    assert (tmp_path / "one").read_bytes() == (tmp_path / "scattered").read_bytes()


def records(path: Path) -> list[bytes]:
    octets, at, found = path.read_bytes(), 24, []
    while at < len(octets):
        length = int.from_bytes(octets[at + 8 : at + 12], "little")
        found.append(octets[at : at + 16 + length])
        at += 16 + length
    return found
