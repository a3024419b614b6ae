"""Local preference: what is found of a worm that prefers its own networks, and what isn't where nobody does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.local_preference.analysis import NOT_BY, ONE_SOURCE, ONLY_WITH, model
from ims.analyse.local_preference.data import SAME_8, SAME_16
from ims.analyse.result import Result, schema

from ...stores import MIDNIGHT, ingest, udp, write_pcap
from ..local_store import BLOCKS, local_store  # noqa: F401  (a fixture)
from .blocks import block, data

LOW = [1] * 100


@pytest.fixture(scope="module")
def result(local_store: Path) -> Result:  # noqa: F811
    with ims.open(local_store) as telescope:
        return telescope.analyse.local_preference()


def rows_of(*blocks: Any) -> dict[str, dict[str, Any]]:
    return {row["block"]: row for row in model(data(*blocks)).rows.to_pylist()}


def test_a_worm_s_preference_is_found(result: Result) -> None:
    """A half of what a host sends goes to its own /16, a quarter to its own /8; as many hosts live in each."""
    rows = {row["block"]: row for row in result.rows.to_pylist()}
    assert rows.keys() == BLOCKS.keys()
    for name in ("A/24", "B/22"):
        row = rows[name]
        assert row["same_16_low"] < 0.5 < row["same_16_high"] and row["same_8_low"] < 0.75 < row["same_8_high"]
        assert row["preferred"] == "/8 and /16"
        assert (row["expected_16"], row["expected_8"]) == (2**-16, 2**-8)


def test_a_block_that_others_scan_is_high_but_not_by_preference(result: Result) -> None:
    assert {row["block"]: row["high"] for row in result.rows.to_pylist()} == {
        "C/24": NOT_BY, "A/24": None, "B/22": None,
    }  # fmt: skip
    assert result.rows.column("block")[0].as_py() == "C/24"
    assert any("so preference isn't why: C/24" in note for note in result.notes)


def test_rows_and_series_have_the_documented_columns(result: Result) -> None:
    analysis = ANALYSES["local-preference"]
    assert result.rows.schema == schema(analysis.columns) and result.series.schema == schema(analysis.series)
    together = [row for row in result.series.to_pylist() if row["block"] is None]
    assert sum(row["packets"] for row in together) == sum(result.rows.column("packets").to_pylist())
    assert [row["near"] for row in together] == ["/16", "/8", "elsewhere"]


def test_a_filter_takes_what_it_takes(local_store: Path) -> None:  # noqa: F811
    with ims.open(local_store) as telescope:
        found = telescope.analyse.local_preference("udp dst port 137")
        assert found.rows.to_pylist()[0]["block"] == "C/24"
        assert any("no packets came, so no shares: A/24, B/22" in note for note in found.notes)
        directed = telescope.analyse.local_preference("dst net 40.70.16.0/25")
    assert any("names destinations" in note for note in directed.notes)


def test_high_only_with_preference_is_told_from_high_without() -> None:
    rows = rows_of(
        block("A/24", [], [], LOW), block("B/24", [], [], LOW), block("C/24", [], [], LOW),
        block("D/24", [], [], [1] * 900), block("E/24", [10] * 80, [], LOW),
    )  # fmt: skip
    assert {name: row["high"] for name, row in rows.items()} == {
        "D/24": NOT_BY, "E/24": ONLY_WITH, "A/24": None, "B/24": None, "C/24": None,
    }  # fmt: skip


@pytest.mark.parametrize("near", ["own_16", "own_8"])
def test_one_source_of_the_own_network_is_no_preference_and_two_are(near: str) -> None:
    """However much it sends: of a thousand sources, one lives in a /16 by chance now and then."""
    one, two = (rows_of(block("A/24", elsewhere=[1] * 1000, **{near: [20_000] * n}))["A/24"] for n in (1, 2))
    assert one["preferred"] is None and one["same_8"] > 0.9
    assert two["preferred"] == ("/8 and /16" if near == "own_16" else "/8")


def test_one_hyperactive_source_is_not_taken_for_many() -> None:
    quiet = [block(f"{name}/24", [], [], LOW) for name in "ABC"]
    assert rows_of(*quiet, block("D/24", [], [], [*LOW, 100_000]))["D/24"]["high"] == ONE_SOURCE
    assert rows_of(*quiet, block("D/24", [100_000], [], LOW))["D/24"]["high"] is None, (
        "others may have such a source, too"
    )


def test_a_block_that_was_watched_for_an_hour_alone_is_not_low() -> None:
    rows = rows_of(
        *(block(f"{name}/24", [], [], [1] * 240) for name in "ABC"), block("D/24", [], [], [1] * 10, 256, 3600)
    )
    assert rows["D/24"]["rate"] == pytest.approx(rows["A/24"]["rate"])


def test_one_source_of_the_own_16_is_no_preference() -> None:
    row = rows_of(block("A/24", [1], [], [1] * 1000))["A/24"]
    assert row["preferred"] is None and row["same_16"] == pytest.approx(1 / 1001)
    assert row["same_16_low"] > 0


def test_hosts_in_221_of_256_networks_are_no_preference() -> None:
    """64,000 packets tell 1 / 221 from 1 / 256."""
    row = rows_of(block("A/18", [], [1] * 290, [1] * 63_710))["A/18"]
    assert row["same_8_low"] > row["expected_8"] and row["preferred"] is None


def test_what_can_t_be_told_has_a_note() -> None:
    found = model(data(block("A/24"), block("B/8", [], [], LOW, 1 << 24, 1e5, [SAME_16, SAME_8]),
                       block("C/24", [], [], [3], 256, 1e-6)))  # fmt: skip
    rows = {row["block"]: row for row in found.rows.to_pylist()}
    assert rows["A/24"]["same_8"] is None and rows["A/24"]["rate"] == 0 and rows["A/24"]["rate_high"] > 0
    assert rows["C/24"]["rate"] is None
    for text in (
        "no packets came, so no shares: A/24", "watched for less than 1 second, so no rate: C/24",
        "fills its own /8, so that only forged sources can be in it: B/8", "fills its own /16", "rates are compared where",
    ):  # fmt: skip
        assert any(text in note for note in found.notes), text


def test_nothing_that_came_has_no_estimate_and_no_figure(local_store: Path) -> None:  # noqa: F811
    with ims.open(local_store) as telescope:
        found = telescope.analyse.local_preference("icmp")
    assert all(each.value is None for each in found.estimates.values())
    assert found.figure() is None and found.plot() is None
    assert any("no packets came" in note for note in found.notes)


def test_one_packet_has_a_share_of_0_that_may_be_all(tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "x.pcap", [(MIDNIGHT, udp(0x01020304, 0xC6336401, 53))])
    with ims.open(ingest(tmp_path / "S", capture)) as telescope:
        found = telescope.analyse.local_preference()
    estimate = found.estimates["same_8"]
    assert (estimate.value, estimate.low) == (0, 0) and 0.7 < estimate.high < 0.9  # type: ignore[operator]
    assert found.rows.to_pylist()[0]["rate"] is None
