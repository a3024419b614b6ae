"""A question being answered: how many rows are shown, and what its record says of the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

import ims
from ims.query.request import make_request
from ims.query.verbs import DEFAULT_LIMITS, VERBS
from ims.query_run import QueryRun, losing_in_words, pairs, ports
from ims.stores_backend import StoresRun
from ims.telescope import Telescope

from .query import oracle
from .stores import exported

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module", params=["one store of three sensors", "three stores"])
def telescope(request: pytest.FixtureRequest, three_sensors: Path, three_stores: list[Path]) -> Telescope:
    return ims.open(*(three_stores if request.param == "three stores" else [three_sensors]))


@pytest.fixture(scope="module")
def rows(three_sensors: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return exported(tmp_path_factory.mktemp("rows"), three_sensors)


def test_rows_that_a_limit_left_out_are_told_with_how_many_match(telescope: Telescope, rows: Rows) -> None:
    assert len(rows) > 100
    packets = telescope.packets()
    assert (len(packets), packets.record.matching, packets.record.at_least) == (100, len(rows), False)
    assert packets.record.left_out == [
        f"only the first 100 of {len(rows):,} rows: --limit N gives more; ims export, all packets"
    ]
    for answer, matching in (
        (telescope.top("protocol", limit=1), len(oracle.top(rows, "protocol"))),
        (telescope.top("sensor", limit=1, per_24=True), 3),
        (telescope.payloads(limit=1), len(oracle.payloads(rows))),
        (telescope.series(bin="1d", group="protocol", limit=1), 2),
    ):
        assert (len(answer), answer.record.limit) == (1, 1)
        assert answer.record.matching == matching
    sources = telescope.sources(limit=1).record
    assert sources.matching == min(1001, len(oracle.sources(rows)))
    assert sources.at_least == (sources.matching == 1001)
    assert telescope.packets("udp", limit=10_000).record.left_out == []


def test_at_the_most_rows_there_may_be_others(telescope: Telescope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ims.query_run.VERBS", {name: replace(verb, most_rows=2) for name, verb in VERBS.items()})
    monkeypatch.setitem(DEFAULT_LIMITS, "cache", 2)
    for answer in (telescope.sources(limit=2), telescope.top("protocol", limit=2), telescope.cache(bin="1h")):
        assert (len(answer), answer.record.limit, answer.record.matching, answer.record.at_least) == (2, 2, 2, True)
    record = telescope.packets(limit=2).record
    assert (record.matching > 2, record.at_least) == (True, False)


@pytest.fixture
def run(one_store: Path) -> Iterator[QueryRun]:
    with StoresRun([one_store], make_request("series", "udp", bin="5m", group="block", limit=3), None, 1) as run:
        yield run


def test_other_questions_of_a_run_are_of_its_filter_and_range(run: QueryRun) -> None:
    assert run.question("series").request is run.request
    with pytest.raises(ValueError, match="count doesn't belong to series"):
        run.question("count")
    series = run.series(60_000_000, metric="bytes").request
    assert (series.bin, series.metric, series.group, series.limit) == (60_000_000, "bytes", None, 0)
    assert series.filter == run.request.filter
    watched = run.about_coverage.request
    assert (watched.verb, watched.filter) == ("coverage", None)


def test_what_was_watched_is_asked_once(run: QueryRun, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run.coverage
    monkeypatch.setattr(run, "run", None)
    assert run.coverage is first
    assert [row["until_us"] > row["since_us"] for row in first] == [True]
    assert run.space.size_24() == 1.0


def test_the_most_used_ports_come_first_and_the_lowest_of_those_alike() -> None:
    rows = [
        {"key": "a", "other": port, "packets": packets} for port, packets in ((9, 1), (80, 5), (22, 5), (7, 1), (1, 9))
    ]
    rows += [{"key": "b", "other": port, "packets": 1} for port in range(20, 0, -1)]
    table = pa.Table.from_pylist(rows)
    assert ports(table) == {"a": [1, 22, 80, 7, 9], "b": list(range(1, 9))}
    assert pairs(pa.table({"key": [1, None], "value": [5, 6]})) == {1: 5, None: 6}


def test_what_sensors_lose_is_a_line_for_each_that_loses() -> None:
    class Loss(NamedTuple):
        text: str

    losses = {"b": [Loss("drops packets"), Loss("is late")], "a": [Loss("is silent")], "c": []}
    assert list(losing_in_words(losses).items()) == [("a", "is silent"), ("b", "drops packets; is late")]


def test_what_a_capture_lost_counts_once_however_many_blocks_it_had(run: QueryRun) -> None:
    row = run.coverage[0] | {"frames_lost": 7, "payloads_lost": 2}
    other = row | {"block": "another", "prefix": "203.0.113.0/24"}
    record = run.record([row, other])
    assert (record.frames_lost, record.payloads_lost) == (7, 4)
