"""Plans against brute force: from one store with three sensors, and from three stores whose partial answers merge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ims.query.engines.duckdb import MANY, Engine
from ims.query.plans import plan
from ims.query.plans.plan import PLANS
from ims.query.plans.tables import described_as, empty
from ims.query.request import GROUPS, make_request
from ims.store.reader import open_store

from ...effort import crossed, share
from ...stores import MIDNIGHT, exported
from .. import oracle

Rows = list[dict[str, Any]]
HOUR = 3_600_000_000
SINCE, UNTIL = MIDNIGHT // 1000 + 5 * HOUR, MIDNIGHT // 1000 + 9 * HOUR
EARLY = 10**15
PREFIXES = ("source/8", "destination/26", "source/32", "source/1")


WAYS = {
    "one store of three sensors": (1, MANY),
    "three stores": (3, MANY),
    "one store, distinguished by kernels": (1, 0),
}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS)
def engine(request: pytest.FixtureRequest, three_sensors: Path, three_stores: list[Path]) -> Iterator[Engine]:
    count, many = request.param
    stores = [open_store(path) for path in ([three_sensors] if count == 1 else three_stores)]
    engine = Engine(stores, threads=2, many=many)
    yield engine
    engine.close()
    for store in stores:
        store.close()


@pytest.fixture(scope="module")
def rows(three_sensors: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return exported(tmp_path_factory.mktemp("rows"), three_sensors)


def asked(engine: Engine, verb: Any, filter: str | None = None, **words: Any) -> list[tuple[Any, ...]]:
    table = engine.run(PLANS[verb], make_request(verb, filter, **words))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_the_sample_has_nulls_repeats_and_what_several_sensors_saw(rows: Rows) -> None:
    assert {row["sensor"] for row in rows} == {"007", "a", "b"}
    for column in ("signature", "destination_port", "icmp_type", "tcp_flags"):
        assert {row[column] is None for row in rows} == {True, False}
    seen = [{row["source"] for row in rows if row["sensor"] == sensor} for sensor in ("007", "a")]
    assert seen[0] & seen[1]


@pytest.mark.parametrize(
    ("since", "until"), [(None, None), (SINCE, UNTIL), (EARLY, EARLY + 1), (UNTIL, None), (None, SINCE)]
)
def test_count(engine: Engine, rows: Rows, since: int | None, until: int | None) -> None:
    expected = oracle.count(oracle.within(rows, since, until))
    table = engine.run(PLANS["count"], make_request("count", None, since=since, until=until))
    assert table.to_pylist() == [expected]


@pytest.mark.parametrize(("metric", "width"), crossed(list(oracle.METRICS), ["250ms", "5m", "1h", "7h", "1d"]))
def test_series(engine: Engine, rows: Rows, metric: str, width: str) -> None:
    request = make_request("series", None, metric=metric, bin=width)
    assert asked(engine, "series", metric=metric, bin=width) == oracle.series(rows, request.bin, metric)


@pytest.mark.parametrize("group", (*GROUPS, *PREFIXES))
def test_top_and_series_of_every_group(engine: Engine, rows: Rows, group: str) -> None:
    part = oracle.within(rows, SINCE, UNTIL)
    place = (*GROUPS, *PREFIXES).index(group)
    for metric in share(list(oracle.METRICS), place, len(oracle.METRICS)):
        words = {"group": group, "metric": metric, "since": SINCE, "until": UNTIL}
        assert asked(engine, "top", limit=10_000_000, **words) == oracle.top(part, group, metric)
    for metric in share(
        ("bytes", "sources"), place, 2
    ):  # the two kinds of partial answers: values to add, members to count
        words = {"group": group, "metric": metric, "since": SINCE, "until": UNTIL}
        assert asked(engine, "series", bin="2h", **words) == oracle.series(part, 2 * HOUR, metric, group)


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_a_limit_takes_the_first(engine: Engine, rows: Rows, limit: int) -> None:
    assert asked(engine, "top", group="source", limit=limit) == oracle.top(rows, "source")[:limit]
    assert asked(engine, "series", limit=limit) == oracle.series(rows, HOUR)[:limit]
    assert asked(engine, "series", group="ttl", limit=limit) == oracle.series(rows, HOUR, group="ttl")[:limit]


@pytest.mark.parametrize("width", ["1h", "1d"])
def test_cache(engine: Engine, rows: Rows, width: str) -> None:
    request = make_request("cache", None, bin=width)
    found = engine.run(PLANS["cache"], request)
    names = ("bin", "payloads", "hits", "payloads_without_icmp_errors", "hits_without_icmp_errors")
    assert [tuple(row[name] for name in names) for row in found.to_pylist()] == oracle.cache(rows, request.bin)


@pytest.mark.parametrize("limit", [1, 50, 333, 100_000])
@pytest.mark.parametrize("many", [1, plan.MANY_ROWS])
def test_packets_are_the_oldest_in_an_order_that_is_always_the_same(
    engine: Engine, rows: Rows, limit: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the last one's moment is found first, as it is where many are wanted, or not."""
    monkeypatch.setattr(plan, "MANY_ROWS", many)
    table = engine.run(PLANS["packets"], make_request("packets", None, since=SINCE, limit=limit))
    # Two sensors stored the same packets: a tie in time at the limit must not be drawn by lot.
    expected = sorted(oracle.within(rows, SINCE), key=lambda row: (row["ns"], row["sensor"]))[:limit]
    names = [name for name in table.column_names if name != "time"]
    assert table.select(names).to_pylist() == [{name: row[name] for name in names} for row in expected]


def test_a_filter_is_applied_by_every_verb(engine: Engine, rows: Rows) -> None:
    part = [row for row in rows if row["protocol"] == 17]
    assert engine.run(PLANS["count"], make_request("count", "udp")).to_pylist() == [oracle.count(part)]
    assert asked(engine, "top", "udp", group="destination_port") == oracle.top(part, "destination_port")[:10]
    assert asked(engine, "series", "udp", metric="sources") == oracle.series(part, HOUR, "sources")
    assert asked(engine, "cache", "udp")[0] == oracle.cache(part, HOUR)[0]
    assert len(asked(engine, "packets", "udp", limit=10_000_000)) == len(part)


def test_nothing_in_range_gives_no_rows_and_a_count_of_zeros(engine: Engine) -> None:
    for verb, words in {"top": {"group": "ttl"}, "series": {}, "packets": {}, "cache": {}, "coverage": {}}.items():
        assert asked(engine, verb, since=EARLY, until=EARLY + 1, **words) == []
    assert asked(engine, "count", since=EARLY, until=EARLY + 1) == [(0, 0, 0, 0, 0, 0, None, None)]


def test_coverage_overlaps_the_range_half_open(engine: Engine) -> None:
    table = engine.run(PLANS["coverage"], make_request("coverage", None))
    rows = table.to_pylist()
    assert [(row["sensor"], row["block"]) for row in rows] == [("007", "C/24"), ("a", "H/25"), ("b", "E/23")]
    ends = table.column("until").cast("int64").to_pylist()
    begins = table.column("since").cast("int64").to_pylist()
    assert asked(engine, "coverage", since=max(ends)) == []
    assert asked(engine, "coverage", until=min(begins)) == []
    assert len(asked(engine, "coverage", since=max(ends) - 1)) == ends.count(max(ends))
    assert len(asked(engine, "coverage", until=min(begins) + 1)) == begins.count(min(begins))


@pytest.mark.parametrize(
    ("filter", "opened"),
    [(None, ["packets"]), ("tcp and not category backscatter or payload", ["packets"]),
     ("udp and not payload contains 'GET'", ["packets", "payloads"])],
)  # fmt: skip
def test_payloads_are_opened_only_for_filters_that_search_them(filter: str | None, opened: list[str]) -> None:
    found = []

    def open(table: str) -> plan.Table:
        found.append(table)
        return described_as(table, empty(table).schema)

    plan.selected(plan.Tables(open, plan.epoch_us), make_request("count", filter))
    assert found == opened
