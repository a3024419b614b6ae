"""Verbs as methods: their words become a request, and wrong ones a line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import ims
from ims.telescope import Telescope

from .query import oracle
from .stores import MIDNIGHT, exported

Rows = list[dict[str, Any]]
HOUR = 3_600_000_000


@pytest.fixture(scope="module", params=["one store of three sensors", "three stores"])
def telescope(request: pytest.FixtureRequest, three_sensors: Path, three_stores: list[Path]) -> Telescope:
    return ims.open(*(three_stores if request.param == "three stores" else [three_sensors]))


@pytest.fixture(scope="module")
def rows(three_sensors: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return exported(tmp_path_factory.mktemp("rows"), three_sensors)


def moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


@pytest.mark.parametrize("since", ["2026-03-04T05:00", "2026-03-04T06:00+01:00", datetime(2026, 3, 4, 5, tzinfo=UTC)])
def test_a_range_may_be_text_or_a_datetime_and_is_half_open(
    telescope: Telescope, rows: Rows, since: str | datetime
) -> None:
    begin = MIDNIGHT // 1000 + 5 * HOUR
    inside = oracle.within(rows, begin, begin + HOUR)
    first, last = min(row["us"] for row in inside), max(row["us"] for row in inside)
    assert telescope.count(since=since, until="2026-03-04T06:00").rows()[0]["packets"] == len(inside)
    narrow = telescope.count(since=moment(first), until=moment(last)).rows()[0]["packets"]
    assert narrow == len([row for row in inside if row["us"] < last])


def test_questions_that_make_no_sense_are_refused_in_one_line(telescope: Telescope) -> None:
    for ask, message in (
        (lambda: telescope.top("destination_prot"), "no column 'destination_prot'; meant destination_port"),
        (lambda: telescope.series(metric="packet"), "no metric 'packet'; meant packets"),
        (lambda: telescope.series(bin="5x"), "bin '5x'"),
        (lambda: telescope.count("tpc"), "tpc"),
        (lambda: telescope.count(since="yesterday"), "time 'yesterday'"),
        (lambda: telescope.count(since="2026-03-05", until="2026-03-04"), "--since must be before --until"),
        (lambda: telescope.sources(limit=1_000_000), "at most 10,000"),
        (lambda: telescope.top("/33"), "expected /1 to /32"),
    ):
        with pytest.raises(ValueError, match=message):
            ask()


def test_a_telescope_is_closed_where_its_block_ends(three_sensors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[object] = []
    opened = ims.open(three_sensors)
    monkeypatch.setattr(opened.backend, "close", lambda: closed.append(opened))
    with pytest.raises(ZeroDivisionError), opened as telescope:
        assert telescope is opened
        _ = 1 / 0
    assert closed == [opened]


def test_packets_that_are_exported_are_those_of_the_words(telescope: Telescope, tmp_path: Path) -> None:
    hour = {"since": "2026-03-04T05:00", "until": "2026-03-04T06:00"}
    telescope.export(tmp_path / "x.parquet", "parquet", "udp", **hour)
    count = telescope.count("udp", **hour).rows()[0]["packets"]
    assert pq.read_metadata(tmp_path / "x.parquet").num_rows == count > 0
