"""Spark over a lake answers as DuckDB does over the store that was shipped there: every verb, group and metric and sixty
filters, exactly.

Rows, their order and their types. Spark is a standalone master with two workers of one core, each a process; in a commit
it is the session that all tests of Spark share (test_spark_worker_killed.py has a cluster, and answers from it).
"""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.lake.config import checked_lake
from ims.lake.engines import SparkFiles
from ims.lake.lake import open_lake
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.query.engines.duckdb import Engine
from ims.query.engines.spark import SparkEngine
from ims.query.engines.spark_session import SparkSettings
from ims.query.language.filter import parse, uses
from ims.query.plans.hidden_sources import ranges_of
from ims.query.plans.part import Parts, Rows
from ims.query.plans.plan import ARRIVAL, Plan, Tables, selected
from ims.query.question import Question
from ims.query.request import GROUPS, METRICS, Request, make_request
from ims.store.reader import open_store
from ims.telescope import Telescope

from ..effort import every, pick, share
from ..hiding import Hiding
from ..query.words import found_by_analysis
from ..sign import collision
from .spark_cluster import LOCAL, cluster, require_java

DAY = "2026-03-04"
RANGE = {"since": f"{DAY}T00:40", "until": f"{DAY}T02:00:00.000001"}
PREFIXES = ("source/1", "source/8", "source/32", "destination/16", "destination/24", "destination/25")
FILTERS = (
    "tcp", "udp", "icmp", "proto 47", "igmp", "not tcp and not udp", "ip", "ip6",
    "src 223.255.255.254", "dst net 198.51.100.0/25", "net 203.0.113.0/24", "src net 128.0.0.0/1", "host 8.8.8.1",
    "src and dst net 198.51.100.0/24", "net 198.51.100.0 mask 255.255.255.1", "ip multicast",
    "port 80", "src port 40000", "dst port 65535", "tcp dst port (22 or 23)", "portrange 1000-1020",
    "udp portrange 4000-5060", "not port 445", "port http", "src or dst port 7",
    "category scan", "category backscatter or category udp", "payload", "new", "not new", "verified", "not verified",
    "fragment", "block C/24", 'block "D/25" or block C/24', "sensor 007", "not sensor b", "sensor 7",
    "ttl < 10", "ttl >= 64 and ttl != 255", "signature 79054025255fb1a26e4bc422aef54eb4", "signature 7905402",
    "not signature ff00ff", 'payload contains "GET /"', "payload contains 0x0d0a", 'payload contains "needle"',
    r'not payload contains "%"', "payload contains 0x00 and udp", 'new and payload contains "probe"',
    'payload contains "it\'s" or payload contains 0xff',
    "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", "tcp[13] = 0x12", "tcp[4:4] = ip[16:4]", "tcp[8:4] - 1 = ip[16:4]",
    "icmp[icmptype] = icmp-echo", "icmp[icmptype] = icmp-unreach and icmp[icmpcode] = 0", "icmp[4:4] > 0x80000000",
    "ip[6:2] & 0x1fff != 0", "ip[2:2] > 60", "ip[12:4] > 0x80000000", "ip[8] * 16777216 * 256 = 0",
    "ip[16:4] * ip[12:4] > 2000000000", "ip[12:4] + ip[16:4] < 0xce6c0000", "ip[19] - 100 < 50",
    "ip[16:4] << ip[19] > 2000000000", "ip[12:4] >> ip[9] = 49152", "ip[12:4] / ip[19] > 90000000", "ip[16:4] << (ip[9] * 999) = 0",
    "(tcp[13] = 2 or udp[4:2] = 12) and (port 80 or not (icmp[0] = 8 and port 7))",
    "not (tcp[13] = 2 or port 7) or not (udp[4:2] = 8 and tcp) or src net 128.0.0.0/1 or port 9 or port 80",
    "ip[2:2] / ip[9] = 6", "1000 / tcp[15] > 3", "ip[19] % tcp[13] = 1", "ip[16:4] >> 8 = 0xc63364",
    "1 << ip[19] = 0", "ip[12:4] << 4 > 0xf0000000", "ip[19] ^ 0xff < 100", "ip[0] & 0xf > 5", "ip[0] = 0x45",
    "udp[4:2] > 30", "tcp[12] & 0xf0 > 0x50", "ip[1] | ip[8] = 64",
    "not port 80 or ip[8] = 64", "not (tcp[13] = 2) or icmp[0] = 3", "udp[4:2] - 8 != 0", "not (ip[8] / ip[1] = 1)", "sctp port 80",
    "not (tcp[13] & 2 != 0 and port 80) or (udp[4:2] > 20 or tcp[14:2] = 1024) and not (port 80 or icmp[0] = 3)",
    "(tcp or icmp) and not (src net 8.0.0.0/8 or dst port 23) and ip[2:2] <= 40",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(rich: Path) -> Path:
    return rich


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSettings]:
    if pick(True, False):
        with cluster(tmp_path_factory.mktemp("cluster")) as running:
            yield running.settings()
    else:
        require_java()
        yield LOCAL


@pytest.fixture(scope="module")
def duckdb(store: Path) -> Telescope:
    return ims.open(store)


@pytest.fixture(scope="module")
def lake(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("lake") / "it's a [lake]* 100%25 #1?"
    copy = shutil.copytree(store, tmp_path_factory.mktemp("copy") / "STORE")  # shipping is noted in the store
    for sensor in ("007", "b"):
        Shipper(copy, open_place(lake)).ship(sensor)
    return lake


@pytest.fixture(scope="module")
def spark(lake: Path, settings: SparkSettings) -> Telescope:
    return ims.open(lake=lake, config=checked_lake({"engine": "spark"}).model_copy(update={"spark": settings}))


@pytest.fixture(scope="module")
def engines(store: Path, lake: Path, settings: SparkSettings) -> Iterator[tuple[Engine, SparkEngine]]:
    with open_store(store) as opened:
        engines = Engine([opened]), SparkEngine(SparkFiles(open_lake(lake)), settings)
        yield engines
        for engine in engines:
            engine.close()


def assert_same(found: Any, expected: Any) -> None:
    assert_equal(found.table, expected.table)
    for name in ("sensors", "darknet_24s", "frames_lost", "payloads_lost"):
        assert getattr(found.record, name) == getattr(expected.record, name), name


def assert_equal(found: pa.Table, expected: pa.Table) -> None:
    assert found.schema.equals(expected.schema)
    if not found.equals(expected):
        assert found.to_pylist() == expected.to_pylist()  # says where


def test_there_is_something_to_compare(duckdb: Telescope) -> None:
    [row] = duckdb.count().rows()
    assert row["packets"] > 1400
    assert row["signatures"] > 300
    assert {row["verified"] for row in duckdb.top("verified").rows()} == {None, True, False}
    assert [row["number"] for row in duckdb.payloads(f"signature {collision.MD5.hex()}").rows()] == [1, 2]
    assert len({(row["sensor"]) for row in duckdb.top("sensor").rows()}) == 2


def test_count(duckdb: Telescope, spark: Telescope) -> None:
    assert_same(spark.count(), duckdb.count())
    assert_same(spark.count("udp", **RANGE), duckdb.count("udp", **RANGE))
    assert_same(spark.count(until="1999-01-01"), duckdb.count(until="1999-01-01"))


@pytest.mark.parametrize("group", every(4, (*GROUPS, *PREFIXES)))
def test_top_of_every_group_by_every_metric(engines: tuple[Engine, SparkEngine], group: str) -> None:
    """All metrics in one question, each with its number as `which`."""
    request = make_request("top", None, group=group, limit=1_000_000)
    plan = each_metric(group)
    found = engines[1].run(plan, request)
    assert_equal(found, engines[0].run(plan, request))
    assert set(found.column("which").to_pylist()) == set(range(len(METRICS)))


def each_metric(group: str) -> Plan:
    requests = [make_request("top", None, group=group, metric=metric, limit=1_000_000) for metric in METRICS]
    plans = [Question(plan="top", request=request).as_plan() for request in requests]

    def parts(tables: Tables, _request: Request) -> Parts:
        return {
            f"{number} {name}": part
            for number, (plan, request) in enumerate(zip(plans, requests, strict=True))
            for name, part in plan.partial(tables, request).items()
        }

    def merge(parts: Any, _request: Request, whole: bool) -> Any:
        answers = []
        for number, (plan, request) in enumerate(zip(plans, requests, strict=True)):
            own = {n.partition(" ")[2]: part for n, part in parts.items() if n.partition(" ")[0] == str(number)}
            answer = plan.merge(own, request, whole)
            answers.append(
                answer.select(which=ibis.literal(number, "int64"), key=answer.key, value=answer.value.cast("int64"))
            )
        return ibis.union(*answers).order_by(["which", ibis.desc("value"), ibis.asc("key")])

    return Plan(parts, merge)


@pytest.mark.parametrize("metric", every(2, METRICS))
def test_series(duckdb: Telescope, spark: Telescope, metric: str) -> None:
    words: dict[str, Any]
    for words in ({"bin": "250ms", **RANGE}, {"bin": "1w", "group": "block", "per_24": True}):
        assert_same(spark.series(metric=metric, **words), duckdb.series(metric=metric, **words))


def test_series_of_groups_and_under_limits(duckdb: Telescope, spark: Telescope) -> None:
    words: dict[str, Any]
    for words in (
        {"group": "sensor", "per_24": True}, {"group": "source/8", "metric": "destinations"}, {"group": "icmp_type"},
        {"bin": "7h", "group": "signature"}, {"group": "ttl", "limit": 7}, {"bin": "1d", "per_24": True},
    ):  # fmt: skip
        assert_same(spark.series(**words), duckdb.series(**words))


@pytest.mark.parametrize("column", every(2, ("destination_port", "block", "sensor", "destination/24")))
def test_top_as_it_is_shown(duckdb: Telescope, spark: Telescope, column: str) -> None:
    for words in ({"limit": 3}, {"per_24": True, **RANGE}):
        assert_same(spark.top(column, **words), duckdb.top(column, **words))


def test_filters_are_sixty_and_of_every_kind() -> None:
    assert len(FILTERS) >= 60
    asked = set().union(*(uses(parse(text)) for text in FILTERS))
    wanted = {"source", "destination_port", "payload", "signature", "verified", "new_payload", "block", "sensor", "ttl"}
    assert asked >= wanted | {"ip_fragment", "icmp_rest", "tcp_options", "total_length", "category", "tcp_sequence"}


@pytest.mark.parametrize("begin", every(3, range(6)))
def test_filters_take_the_same_packets(engines: tuple[Engine, SparkEngine], begin: int) -> None:
    """Each sixth filter in one question: every column of every packet that each of them takes."""
    filters = FILTERS[begin::6]
    request = make_request("packets", None)
    plan = Plan(
        partial(each_filter, filters), lambda parts, request, whole: parts["rows"].order_by(["which", *ARRIVAL])
    )
    found, expected = engines[1].run(plan, request), engines[0].run(plan, request)
    many = [pa.compute.sum(pa.compute.equal(expected.column("which"), n)).as_py() for n in range(len(filters))]
    assert sum(0 < taken < max(many) for taken in many) >= len(filters) - 4  # nearly all distinguish packets
    for number, text in enumerate(filters):
        parts = [table.filter(pa.compute.equal(table.column("which"), number)) for table in (found, expected)]
        assert parts[0].equals(parts[1]), (text, parts[0].num_rows, parts[1].num_rows)
    assert_equal(found, expected)


def each_filter(filters: tuple[str, ...], tables: Tables, request: Request) -> Parts:
    """The rows of each filter, with its number as `which`."""
    parts = [
        selected(tables, make_request("packets", text)).mutate(which=ibis.literal(number, "int64"))
        for number, text in enumerate(filters)
    ]
    return {"rows": Rows(ibis.union(*parts))}


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("packets", {"limit": 1000}), ("sources", {"limit": 50}), ("payloads", {"limit": 400}),
    ("cache", {"bin": "30m"}), ("local", {}), ("storage", {"bin": "1h"}),
]  # fmt: skip
CHOSEN = [None, 'udp and not payload contains "edge"']


@pytest.mark.parametrize("filter", CHOSEN)
def test_the_other_verbs(duckdb: Telescope, spark: Telescope, filter: str | None) -> None:
    """In a commit each with one of the filters."""
    for verb, words in share(OTHERS, CHOSEN.index(filter), len(CHOSEN)):
        assert_same(getattr(spark, verb)(filter, **words), getattr(duckdb, verb)(filter, **words))


def test_hidden_sources(duckdb: Telescope, spark: Telescope) -> None:
    sources = [int(ipaddress.IPv4Address(row["source"])) for row in duckdb.sources(limit=500).rows()]
    some = [ipaddress.IPv4Network((source, 32 - n % 16), strict=False) for n, source in enumerate(sources[::2])]
    ranges = ranges_of([*some, *(ipaddress.IPv4Network((0x0B000000 + (n << 9), 24)) for n in range(1000))])
    found, expected = Hiding(spark, ranges), Hiding(duckdb, ranges)
    filter = "not src net 0.0.0.0/1 or src net 8.0.0.0/7 and udp"
    assert_same(found.count(filter), expected.count(filter))
    assert expected.count(filter).table != duckdb.count(filter).table
    assert_same(
        found.sources("tcp or src net 0.0.0.0/0", limit=500), expected.sources("tcp or src net 0.0.0.0/0", limit=500)
    )
    assert_same(found.top("source/8", limit=500), expected.top("source/8", limit=500))
    assert_same(Hiding(spark, ()).top("source", limit=500), duckdb.top("source", limit=500))


def test_analyses(duckdb: Telescope, spark: Telescope) -> None:
    """In a commit every third: the verbs that they ask have tests of their own."""
    for name in share(list(ANALYSES), 2, 3):
        words = {"filter": "udp", **found_by_analysis(duckdb, name)}
        first = duckdb.analysis(name, words)
        assert (len(first.series) or name in ("chain", "ports")) and spark.analysis(
            name, words
        ).to_json() == first.to_json()


PLACES = ["address", "sensor", "anywhere"]


@pytest.mark.parametrize("at", PLACES)
def test_chains(duckdb: Telescope, spark: Telescope, at: str) -> None:
    """Each in three ways, in a commit in one, in turn."""
    words: dict[str, Any]
    ways = (
        {"first": "ip", "then": "ip", "within": "1h"},
        {"filter": "not port 9999", "first": "tcp", "then": ["not tcp", "payload"], "within": "1d", "bin": "250ms"},
        {"first": 'not payload contains "%"', "then": "src net 0.0.0.0/0", "within": "7m", "bin": "1w", **RANGE},
    )
    for words in share(ways, PLACES.index(at), len(ways)):
        expected = duckdb.chain(**words, at=at)
        assert_same(spark.chain(**words, at=at), expected)
        assert len(expected) or at == "address"


def test_coverage(duckdb: Telescope, spark: Telescope) -> None:
    assert_same(spark.coverage(), duckdb.coverage())
    assert_same(spark.coverage(**RANGE), duckdb.coverage(**RANGE))


def test_a_payload_s_octets(duckdb: Telescope, spark: Telescope) -> None:
    for digits in ("79054025/1", "79054025/2"):
        assert spark.payload(digits) == duckdb.payload(digits)
    assert {spark.payload("79054025/1"), spark.payload("79054025/2")} == {collision.FIRST, collision.SECOND}
    with pytest.raises(ValueError, match="no payload is stored"):
        spark.payload("00" * 16)


@pytest.mark.parametrize(
    ("format", "filter", "words"),
    [("pcap", None, {}), ("parquet", None, RANGE), ("csv", "udp or category backscatter", RANGE), ("json", "tcp", {})],
)
def test_exports(
    duckdb: Telescope, spark: Telescope, tmp_path: Path, format: str, filter: str | None, words: dict[str, str]
) -> None:
    for name, telescope in (("duckdb", duckdb), ("spark", spark)):
        telescope.export(tmp_path / name, format, filter, **words)
    assert (tmp_path / "spark").read_bytes() == (tmp_path / "duckdb").read_bytes()
    assert (tmp_path / "spark").stat().st_size > 1000
