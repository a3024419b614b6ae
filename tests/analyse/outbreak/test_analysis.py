"""The analysis of outbreaks, of real small stores: one worm as a /24, a /16 and a /8 saw it, and what is no outbreak."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.counted import Counted
from ims.analyse.outbreak.analysis import Data, model
from ims.analyse.question import LEVEL, MOMENT
from ims.analyse.result import Result, schema
from ims.analyse.result_reader import from_json
from ims.query.errors import QuestionError
from ims.simulate.output.capture import write_scenario

from ...shared import shared
from ...simulate.captures import Capture, scenario
from ...stores import MIDNIGHT, exported, ingest, udp, write_pcap
from ..hosts import Worm, hourly, seen

HOUR_NS, HOUR_US = 3600 * 10**9, 3_600_000_000
DOUBLING, HALF_LIFE, LIMIT, DECLINE = 2.3, 10.0, 6000, 40
"""Hours, hours, hosts; hours after midnight."""
BEGIN = datetime(2026, 3, 4, tzinfo=UTC)
HOSTS = LIMIT / (1 + (LIMIT / 3 - 1) * math.exp(-math.log(2) / DOUBLING * 28))
"""At the decline, 28 hours after the outbreak of three."""
BLOCKS = {"8": ("10.0.0.0/8", 40.0), "16": ("10.7.0.0/16", 10_000.0), "24": ("10.7.3.0/24", 200_000.0)}
"""Prefix, and scans by hour and host: 0.16, 0.15 and 0.01 of a host's reach the block in an hour."""


def worm(runs: float) -> dict[str, Any]:
    return {
        "name": "a worm", "since": "+12h", "initial": 3, "limit": LIMIT, "doubling": f"{DOUBLING}h",
        "decline": f"+{DECLINE}h", "half_life": f"{HALF_LIFE}h", "rest": 0.03, "runs_per_hour": runs,
        "service": [{"port": "tcp/135", "repeats": 0}],
    }  # fmt: skip


OTHERS = {"name": "others", "sources": 300, "packets_per_24": 60, "ports": {"udp/53": 1}, "tail": 0, "tail_ports": 1}


def play(size: str) -> bytes:
    """The worm's four days at a block."""
    prefix, runs = BLOCKS[size]
    others = OTHERS | {"packets_per_24": 200 / 256 ** ((24 - int(size)) / 8)}
    file = io.BytesIO()
    block = {"name": f"B/{size}", "prefix": prefix, "answers": False}
    write_scenario(scenario(duration="4d", block=[block], worm=[worm(runs)], background=[others]), file, seed=4)
    return file.getvalue()


def cut(capture: Capture, chosen: Any) -> bytes:
    """The chosen packets of a capture."""
    parts = [capture.data[:24]]
    parts += [
        capture.data[begin - 16 : begin + length]
        for begin, length in zip(capture.begin[chosen].tolist(), capture.length[chosen].tolist(), strict=True)
    ]
    return b"".join(parts)


def make(folder: Path) -> None:
    for size, (prefix, _) in BLOCKS.items():
        capture = folder / f"{size}.pcap"
        capture.write_bytes(play(size))
        ingest(folder / size, capture, blocks=[f"B/{size}={prefix}"])
    whole = Capture((folder / "16.pcap").read_bytes())
    lower, hour = whole.destination < 0x0A078000, whole.hour
    parts = {
        "first": ("a", "A/17=10.7.0.0/17", lower & (hour < 36)),
        "second": ("a", "A/17=10.7.0.0/17", lower & (hour >= 43)),
        "joins": ("b", "B/17=10.7.128.0/17", ~lower & (hour >= 29)),
    }  # fmt: skip
    for name, (sensor, block, chosen) in parts.items():
        (folder / f"{name}.pcap").write_bytes(cut(whole, chosen))
        ingest(folder / "parts", folder / f"{name}.pcap", sensor=sensor, blocks=[block])


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "outbreaks", make)


@pytest.fixture(scope="module")
def results(stores: Path) -> dict[str, Result]:
    found = {}
    for name in (*BLOCKS, "parts"):
        with ims.open(stores / name) as telescope:
            found[name] = telescope.analyse.outbreak("tcp dst port 135")
    return found


@pytest.fixture
def telescope(stores: Path) -> Iterator[Any]:
    with ims.open(stores / "16") as telescope:
        yield telescope


TRUTH = {
    "doubling_time": DOUBLING, "half_life": HALF_LIFE, "sources": HOSTS,
    "max_growth": math.log(2) / DOUBLING * LIMIT / 4, "decline_began": BEGIN + timedelta(hours=DECLINE),
}  # fmt: skip


def widened(result: Result, name: str) -> tuple[Any, Any]:
    """The interval's ends, by half of it further: of many intervals of 95 %, one may miss its truth by a little."""
    each = result.estimates[name]
    assert each.low is not None and each.high is not None
    return each.low - (each.high - each.low) / 4, each.high + (each.high - each.low) / 4  # type: ignore[operator]


@pytest.mark.parametrize("block", [*BLOCKS, "parts"])
def test_each_block_finds_the_truth(results: dict[str, Result], block: str) -> None:
    """Also with a gap over the decline, and a block that joins shortly before it."""
    held = 0
    for name, truth in TRUTH.items():
        each = results[block].estimates[name]
        low, high = widened(results[block], name)
        assert low <= truth <= high, (name, each)
        assert each.low <= each.value <= each.high  # type: ignore[operator]
        held += each.low <= truth <= each.high  # type: ignore[operator]
    assert held >= 4


@pytest.mark.parametrize("name", TRUTH)
def test_a_24_a_16_and_an_8_agree_within_their_intervals(results: dict[str, Result], name: str) -> None:
    ends = [(results[block].estimates[name].low, results[block].estimates[name].high) for block in BLOCKS]
    assert max(low for low, _ in ends) <= min(high for _, high in ends)  # type: ignore[type-var]


@pytest.mark.parametrize("block", ["8", "16"])
def test_intervals_are_useful(results: dict[str, Result], block: str) -> None:
    for name in ("doubling_time", "half_life", "sources", "max_growth"):
        each = results[block].estimates[name]
        assert each.high - each.low <= 0.5 * each.value, name  # type: ignore[operator]


def test_estimates_have_their_units_their_level_and_their_method(results: dict[str, Result]) -> None:
    for result in results.values():
        assert set(result.estimates) == set(TRUTH) == {each.name for each in ANALYSES["outbreak"].estimates}
        for quantity in ANALYSES["outbreak"].estimates:
            each = result.estimates[quantity.name]
            assert each.unit == quantity.unit and "quasi-likelihood" in each.method
        assert isinstance(result.estimates["decline_began"].value, datetime)
        assert result.estimates["decline_began"].unit == MOMENT
        assert {each["level"] for each in json.loads(result.to_json())["estimates"].values()} == {LEVEL}
        assert "again" in result.estimates["sources"].method


def test_phases_follow_each_other_through_the_whole_range(results: dict[str, Result]) -> None:
    for block in BLOCKS:
        rows = results[block].rows.to_pylist()
        names = [row["phase"] for row in rows]
        assert names == ["before", "growth", "decay", "persistence"][: len(names)] and len(names) >= 3, block
        assert all(row["until"] == following["since"] for row, following in pairwise(rows))
        assert all(row["since"] < row["until"] for row in rows)
        assert rows[2]["since"] == results[block].estimates["decline_began"].value
        assert rows[1]["sources"] > rows[0]["sources"] and rows[2]["sources"] > rows[-1]["sources"] * (len(rows) > 3)
        series = results[block].series
        assert sum(row["packets"] for row in rows) == sum(series.column("packets").to_pylist())


def test_the_series_has_the_sources_and_packets_of_every_hour(
    results: dict[str, Result], stores: Path, tmp_path: Path
) -> None:
    """As counted in plain Python."""
    series = results["16"].series
    assert series.schema == schema(ANALYSES["outbreak"].series)
    rows = [row for row in exported(tmp_path, stores / "16") if row["destination_port"] == 135]
    for row in series.to_pylist():
        since = row["time"].timestamp() * 1e6
        inside = [each for each in rows if since <= each["us"] < since + HOUR_US]
        assert row["packets"] == len(inside)
        assert row["sources"] == len({each["source"] for each in inside})
        assert (
            row["low"] <= row["sources"] <= row["high"] and row["packets_low"] <= row["packets"] <= row["packets_high"]
        )
        assert row["fitted"] is not None and row["fitted"] >= 0
    assert sum(series.column("packets").to_pylist()) == len(rows)


def test_what_is_fitted_follows_what_is_seen(results: dict[str, Result]) -> None:
    for result in results.values():
        rows = result.series.to_pylist()
        found = np.array([[row["sources"], row["fitted"]] for row in rows], float).T
        assert found[0].sum() == pytest.approx(found[1].sum(), rel=0.03)
        assert np.square(found[0] - found[1]).sum() / found[1].sum() < 2


def test_the_gap_has_no_bins_and_the_darknet_its_size(results: dict[str, Result]) -> None:
    """One /17 until the 36th hour, with the other one from the 29th on; which alone watches until the 43rd."""
    result = results["parts"]
    assert result.darknet.blocks == ("A/17", "B/17")
    hours = [(row["time"] - BEGIN) / timedelta(hours=1) for row in result.series.to_pylist()]
    assert len(hours) == len(set(hours)) and set(range(13, 95)) <= set(hours)
    assert {gap.block for gap in result.darknet.gaps} == {"A/17", "B/17"}


def test_notes_say_what_is_assumed(results: dict[str, Result]) -> None:
    for result in results.values():
        [note] = [note for note in result.notes if "an active host is seen in 1h with a probability" in note]
        assert "if hosts are alike" in note


def test_a_result_from_json_is_the_same(results: dict[str, Result]) -> None:
    for result in results.values():
        back = from_json(json.loads(result.to_json()))
        assert back.to_json() == result.to_json()
        assert back.rows.equals(result.rows) and back.series.equals(result.series)
        assert back.estimates == result.estimates and back.notes == result.notes


def test_the_question_is_answered_the_same_again(results: dict[str, Result], telescope: Any) -> None:
    assert telescope.analyse.outbreak("tcp dst port 135").to_json() == results["16"].to_json()


def says_nothing(result: Result, *sentences: str) -> None:
    """No estimate, no phase, one of these sentences, and JSON that can be read."""
    assert all(each.value is each.low is each.high is None for each in result.estimates.values())
    assert len(result.rows) == 0
    assert any(sentence in note for note in result.notes for sentence in sentences), result.notes
    assert all(each is None for each in json.loads(result.to_json())["estimates"].values())
    assert from_json(json.loads(result.to_json())).to_json() == result.to_json()


def test_no_match_has_a_sentence_and_no_estimate(telescope: Any) -> None:
    says_nothing(telescope.analyse.outbreak("tcp dst port 9"), "no packets matched")


def test_background_of_the_same_days_is_no_outbreak(telescope: Any) -> None:
    says_nothing(telescope.analyse.outbreak("udp dst port 53"), "around a level")


def test_five_bins_are_too_few(telescope: Any) -> None:
    result = telescope.analyse.outbreak("tcp", since="2026-03-06T00:00:00Z", until="2026-03-06T05:00:00Z")
    says_nothing(result, "too few bins")
    assert len(result.series) == 5


def test_a_range_in_which_nothing_was_watched_has_a_sentence(telescope: Any) -> None:
    result = telescope.analyse.outbreak("tcp", since="2020-03-06T00:00:00Z", until="2020-03-08T00:00:00Z")
    says_nothing(result, "nothing was watched")


def test_more_bins_than_a_law_is_fitted_to_are_refused_in_one_line(telescope: Any) -> None:
    with pytest.raises(QuestionError, match="bins are more than") as refused:
        telescope.analyse.outbreak("tcp dst port 135", bin="1m")
    assert "\n" not in str(refused.value) and "wider --bin" in str(refused.value)


def test_a_range_before_the_decline_has_growth_alone(telescope: Any) -> None:
    result = telescope.analyse.outbreak("tcp dst port 135", until="2026-03-05T15:00:00Z")
    assert [row["phase"] for row in result.rows.to_pylist()] == ["before", "growth"]
    low, high = widened(result, "doubling_time")
    assert low <= DOUBLING <= high
    assert result.estimates["half_life"].value is result.estimates["decline_began"].value is None
    assert any("no decline in this range" in note for note in result.notes)


def test_a_range_after_the_decline_has_decay_alone(telescope: Any) -> None:
    result = telescope.analyse.outbreak("tcp dst port 135", since="2026-03-05T18:00:00Z")
    assert result.rows.column("phase")[0].as_py() == "decay"
    low, high = widened(result, "half_life")
    assert low <= HALF_LIFE <= high
    assert result.estimates["doubling_time"].value is result.estimates["decline_began"].value is None
    assert any("begins after the growth" in note for note in result.notes)


def small(folder: Path, packets: list[tuple[int, bytes]]) -> Result:
    ingest(folder / "STORE", write_pcap(folder / "x.pcap", packets))
    with ims.open(folder / "STORE") as telescope:
        return telescope.analyse.outbreak()


def test_one_packet_is_no_outbreak(tmp_path: Path) -> None:
    says_nothing(small(tmp_path, [(MIDNIGHT, udp(7, 0xC6336400, 53))]), "too few", "nothing was watched")


def spread(count: int, since: float, until: float, sources: int, draw: np.random.Generator) -> list[tuple[int, bytes]]:
    """Packets by as many sources, hours after midnight."""
    moments = MIDNIGHT + (draw.uniform(since, until, count) * HOUR_NS).astype(np.int64)
    return [
        (moment, udp(0x0B000000 + source, 0xC6336400 + source % 256, 53))
        for moment, source in zip(moments.tolist(), draw.integers(0, sources, count).tolist(), strict=True)
    ]


def test_a_spoofed_flood_is_no_outbreak(tmp_path: Path) -> None:
    """Of 20 minutes, each packet from another source; and background before and after it."""
    draw = np.random.default_rng(1)
    packets = spread(3000, 0, 72, 200, draw) + spread(20_000, 30.2, 30.5, 1 << 24, draw)
    says_nothing(small(tmp_path, sorted(packets)), "within a bin or two", "neither growth nor decline")


def test_nothing_but_a_flood_is_no_outbreak(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    says_nothing(small(tmp_path, sorted(spread(20_000, 0, 3, 1 << 24, draw))), "too few bins")


def test_one_source_that_sends_ever_more_is_no_outbreak(tmp_path: Path) -> None:
    """Packets grow a thousand times; sources don't."""
    draw = np.random.default_rng(3)
    packets = spread(2000, 0, 48, 30, draw)
    for hour in range(48):
        packets += spread(round(2 ** (hour / 4)), hour, hour + 1, 1, draw)
    says_nothing(small(tmp_path, sorted(packets)), "around a level")


def counted(bins: Any, found: Any, shown: float = 0.0) -> Data:
    """What the analysis asks a store for, of hosts one by one; `shown`: half of the interval of a role that gets noise."""
    begin, sources = MIDNIGHT // 1000 + (bins.begin * HOUR_US).astype(np.int64), found.sum(0).astype(float)
    wider = {}
    for times in (6, 24):
        group = np.floor(bins.begin / times).astype(int)
        wide = np.unique(group)
        counts = np.array([found[:, group == at].any(1).sum() for at in wide], float)
        wider[times] = (MIDNIGHT // 1000 + wide * times * HOUR_US, counts)
    return Data(
        begin, np.full(len(begin), 3600.0), 65_536.0 * bins.share, Counted(sources, sources - shown, sources + shown),
        Counted(sources * 3, sources * 3, sources * 3), wider, HOUR_US, HOUR_US,
    )  # fmt: skip


def whole(worm: Worm = Worm(hosts=4000, is_drawn=False), seed: int = 1) -> Data:  # noqa: B008  frozen
    draw, bins = np.random.default_rng(seed), hourly(120, 0.3)
    return counted(bins, seen(worm.lives(draw), bins, draw))


def test_the_model_needs_no_store() -> None:
    found = model(whole())
    assert set(found.estimates) == set(TRUTH) and found.options == {}
    for name, truth in (("doubling_time", math.log(2) / 0.3), ("half_life", math.log(2) / 0.07), ("sources", 4000)):
        assert found.estimates[name].low <= truth <= found.estimates[name].high, name  # type: ignore[operator]
    assert found.rows.column("phase").to_pylist() == ["before", "growth", "decay", "persistence"]


def test_bins_that_a_role_isn_t_shown_are_left_out() -> None:
    """Null in the series, and no bin of the fit; wider ones that aren't shown tell of no visits."""
    data = whole()
    data.sources.value[70:75] = data.sources.low[70:75] = data.sources.high[70:75] = np.nan
    data.packets.value[70:75] = np.nan
    for times in data.wider:
        data.wider[times][1][:] = np.nan
    found = model(data)
    rows = found.series.to_pylist()
    assert all(
        row["sources"] is row["low"] is row["high"] is row["fitted"] is row["packets"] is None for row in rows[70:75]
    )
    assert all(row["sources"] is not None and row["fitted"] is not None for row in rows[:70] + rows[75:])
    assert set(found.estimates) == {"doubling_time", "half_life", "decline_began"}
    assert any("max_growth and sources" in note and "aren't known" in note for note in found.notes)


def test_a_width_that_a_role_is_shown_instead_is_the_answer_s() -> None:
    data = whole()
    other = replace(data, asked=600_000_000)
    assert model(other).options == {"bin": "1h"} and model(data).options == {}


def test_an_empty_store_s_data_has_a_sentence() -> None:
    nothing = np.zeros(0)
    none = Counted(nothing, nothing, nothing)
    found = model(Data(nothing.astype(np.int64), nothing, nothing, none, none, {}, HOUR_US, HOUR_US))
    assert found.estimates == {} and len(found.rows) == len(found.series) == 0
    assert "no packets matched" in found.notes[0]


def test_bins_that_a_role_is_not_shown_are_neither_empty_nor_measured() -> None:
    """None is shown: that isn't "no packets". And of those that are shown, the others are no zeros."""
    hours = 60
    time = np.arange(hours, dtype=np.int64) * 3_600_000_000
    hidden = Counted(np.full(hours, np.nan), np.zeros(hours), np.full(hours, 2979.0))
    full, many = np.full(hours, 3600.0), np.full(hours, 256.0)
    found = model(Data(time, full, many, hidden, hidden, {}, 3_600_000_000, 3_600_000_000))
    assert found.notes == ("no bin's sources are shown to your role, so there is nothing to estimate from",)
    assert found.series.column("sources").null_count == found.series.column("packets").null_count == hours
