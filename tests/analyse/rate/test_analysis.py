"""Rates of blocks: of a store whose rates are known, of the model alone, and of a real capture beside tshark."""

from __future__ import annotations

import collections
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import run
from ims.analyse.rate.analysis import Bins, Data, model
from ims.analyse.result import Result
from ims.query.answer import Answer
from ims.query.request import Request
from ims.telescope import Telescope

from ...stores import CAPTURES, MIDNIGHT, ingest, needs_captures, udp, write_pcap
from ..conftest import BLOCKS, HOURS, LATER

FIVE_MINUTES = 300_000_000
DAY = 86_400_000_000
MIDNIGHT_US = MIDNIGHT // 1000


def by_block(result: Result) -> dict[str, dict[str, Any]]:
    return {row["block"]: row for row in result.rows.to_pylist()}


def series_of(result: Result, block: str) -> list[dict[str, Any]]:
    return [row for row in result.series.to_pylist() if row["block"] == block]


def test_packets_are_divided_by_the_size_and_the_time_watched(telescope: Telescope) -> None:
    """30 in five minutes at a /24, 60 at a /25 and 2 at a /23: 0.1, 0.4 and 1/300 by second and /24."""
    result = telescope.analyse.rate()
    rows = by_block(result)
    assert list(rows) == ["B/25", "A/24", "C/23"]
    for block, rate in (("B/25", 0.4), ("A/24", 0.1), ("C/23", 1 / 300)):
        row = rows[block]
        assert row["median"] == pytest.approx(rate, rel=0.01), block
        assert row["mean"] == pytest.approx(rate, rel=0.02) and row["mean_low"] < rate < row["mean_high"]
        assert row["q05"] <= row["q25"] <= row["median"] <= row["q75"] <= row["q95"] <= row["busiest"]
    assert [rows[name]["slash24s"] for name in BLOCKS] == [1, 0.5, 2]
    assert rows["B/25"]["ratio"] == pytest.approx(120, rel=0.01)
    assert rows["C/23"]["ratio"] == rows["C/23"]["ratio_low"] == 1
    assert result.estimates["ratio"].value == rows["B/25"]["ratio"]
    assert result.estimates["highest"].value == pytest.approx(0.4, rel=0.01)
    assert result.estimates["ratio"].low < 120 < result.estimates["ratio"].high  # type: ignore[operator]


def test_a_gap_is_no_quiet_time(telescope: Telescope) -> None:
    """One block was watched twice, with a week and more between: no bin there, and no rate that is too low."""
    result = telescope.analyse.rate()
    times = [row["time"].timestamp() * 1e6 - MIDNIGHT_US for row in series_of(result, "A/24")]
    assert len(times) == 2 * HOURS * 12 == by_block(result)["A/24"]["bins"]
    assert max(np.diff(times)) >= LATER // 1000 - HOURS * 3600 * 1e6
    gaps = {gap.block: (gap.since - MIDNIGHT_US, gap.until - MIDNIGHT_US) for gap in result.darknet.gaps}
    assert set(gaps) == set(BLOCKS)
    assert gaps["A/24"] == (pytest.approx(HOURS * 3600e6, abs=1e6), LATER // 1000)
    assert by_block(result)["A/24"]["q05"] == pytest.approx(0.1, rel=0.01)


def test_a_bin_that_was_hardly_watched_is_in_no_quantile(tmp_path: Path) -> None:
    """A capture that ends with three packets within the first second of a bin: 3 by second isn't 900 in five minutes."""
    packets = [(MIDNIGHT + at * 10_000_000_000, udp(7, 0xC6336400, 53)) for at in range(30 * 12)]
    packets += [(MIDNIGHT + (3600 * 10**9) + at * 10**8, udp(7, 0xC6336400, 53)) for at in range(3)]
    ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", packets))
    with ims.open(tmp_path / "STORE") as telescope:
        result = telescope.analyse.rate()
    [row] = result.rows.to_pylist()
    assert row["busiest"] == pytest.approx(0.1, rel=0.01) and row["bins"] == 13
    assert any("less than half of the width" in note for note in result.notes)


def test_a_filter_leaves_only_its_packets_and_the_blocks_it_can_match(telescope: Telescope) -> None:
    half = telescope.analyse.rate("udp dst port 53")
    assert by_block(half)["B/25"]["median"] == pytest.approx(0.2, rel=0.02)
    one = telescope.analyse.rate("block B/25 and udp")
    assert list(by_block(one)) == ["B/25"] and one.darknet.blocks == ("B/25",)
    assert one.darknet.addresses == 128
    assert one.estimates["ratio"].value is None and any("two blocks" in note for note in one.notes)


def test_a_range_is_cut_as_asked(telescope: Telescope) -> None:
    result = telescope.analyse.rate(since="2026-03-04T01:00", until="2026-03-04T02:00", bin="10m")
    assert len(series_of(result, "A/24")) == 6
    assert result.since == MIDNIGHT_US + 3_600_000_000 and result.darknet.gaps == ()
    assert by_block(result)["A/24"]["packets"] == 360


def test_what_never_came_has_a_rate_of_0_and_no_ratio(telescope: Telescope) -> None:
    result = telescope.analyse.rate("tcp dst port 445")
    for row in result.rows.to_pylist():
        assert (row["packets"], row["median"], row["mean"], row["mean_low"]) == (0, 0, 0, 0)
        assert 0 < row["mean_high"] < 0.01
    assert (
        result.estimates["ratio"].value is None and "the lowest mean is 0 (A/24): blocks have no ratio" in result.notes
    )
    assert all(row["rate"] == 0 and row["high"] > 0 for row in result.series.to_pylist())


def test_the_interval_of_a_bin_is_that_of_its_count(telescope: Telescope) -> None:
    row = series_of(telescope.analyse.rate(), "A/24")[5]
    assert row["packets"] == 30
    assert (row["low"] * 300, row["high"] * 300) == (pytest.approx(20.24, abs=0.01), pytest.approx(42.83, abs=0.01))


def bins(block: str, packets: Any, low: Any = None, high: Any = None, begin: int = 0) -> Bins:
    packets = np.array(packets, float)
    count = len(packets)
    times = (np.arange(count) + begin) * FIVE_MINUTES
    full = np.full(count, 300.0)
    ends = (packets if end is None else np.array(end, float) for end in (low, high))
    return Bins(block, times, np.full(count, 256.0), full, packets, *ends)


def test_what_isn_t_shown_counts_as_low_and_not_as_nothing() -> None:
    """To a viewer: bins without a published value are below the others; where half are, the median isn't known."""
    shown = bins("A/24", [np.nan] * 3 + [300, 330, 360, 390])
    hidden, whole = bins("B/24", [np.nan] * 6 + [300]), bins("C/24", [600] * 7)
    found = model(Data([shown, hidden, whole], FIVE_MINUTES, True))
    rows = {row["block"]: row for row in found.rows.to_pylist()}
    assert rows["A/24"]["median"] == 1 and rows["A/24"]["q05"] is None and rows["A/24"]["mean"] is None
    assert rows["B/24"]["median"] is None and rows["B/24"]["busiest"] == 1
    assert found.estimates["lowest"].value == 2 and "ratio" not in found.estimates
    assert "packets of some bins aren't shown, so no mean: A/24, B/24" in found.notes
    first = found.series.to_pylist()[0]
    assert first["packets"] is None and first["rate"] is None and first["low"] is None


def test_the_interval_of_what_a_role_sees_holds_all_that_it_may_be() -> None:
    """A wide bin of which few cells are published: its value is a tenth of the truth, its ends aren't."""
    found = model(Data([bins("A/24", [600] * 8, [90] * 8, [1110] * 8)], FIVE_MINUTES, True))
    [row] = found.rows.to_pylist()
    assert row["packets"] is None
    for name in ("mean", "median"):
        assert row[f"{name}_low"] <= 90 / 300 and row[f"{name}_high"] >= 1110 / 300
    assert all(each["low"] < 90 / 300 and each["high"] > 1110 / 300 for each in found.series.to_pylist())


def test_equal_blocks_don_t_differ() -> None:
    """Which block is the highest is known only afterwards: of thirty alike the highest is high by chance."""
    generator = np.random.default_rng(9)
    held = 0
    for _ in range(100):
        blocks = [bins(f"{number}/24", generator.poisson(20, 288)) for number in range(30)]
        found = model(Data(blocks, FIVE_MINUTES)).estimates
        held += found["ratio"].low == 1 and all(  # type: ignore[operator]
            found[name].low <= 20 / 300 <= found[name].high for name in ("highest", "lowest")
        )
    assert held >= 93


def test_blocks_are_compared_by_the_time_in_which_all_were_watched() -> None:
    """The same traffic, growing; one block joins late, when there is more of it."""
    traffic = np.linspace(100, 450, 864)
    early, late = bins("A/24", traffic), bins("B/24", traffic[576:], begin=576)
    found = model(Data([early, late], FIVE_MINUTES))
    assert found.estimates["ratio"].value == pytest.approx(1) and found.estimates["ratio"].low == 1
    assert any("compared by the 288 bins" in note for note in found.notes)
    apart = model(Data([bins("A/24", traffic[:9]), bins("B/24", traffic[:9], begin=50)], FIVE_MINUTES))
    assert apart.estimates == {} and any("no bin in which all blocks were watched" in note for note in apart.notes)
    assert all(row["mean"] is not None for row in apart.rows.to_pylist())


@pytest.mark.parametrize("packets", [[3], [3, 4, 5]])
def test_few_bins_have_a_mean_as_of_a_count_but_no_median_and_a_note(packets: list[int]) -> None:
    found = model(Data([bins("A/24", packets)], FIVE_MINUTES))
    [row] = found.rows.to_pylist()
    assert row["median"] is row["q05"] is row["busiest"] is None and row["mean"] == pytest.approx(
        np.mean(packets) / 300
    )
    assert row["mean_low"] < row["mean"] < row["mean_high"]
    assert any("fewer than 6 bins of 5m" in note and "A/24" in note for note in found.notes)
    assert set(found.estimates) == {"highest", "lowest"} and "independent packets" in found.estimates["lowest"].method


def test_one_packet_has_no_rate(tmp_path: Path) -> None:
    """A capture's watch ends with its last packet: that of one packet takes no time."""
    ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", [(MIDNIGHT, udp(7, 0xC6336400, 53))]))
    with ims.open(tmp_path / "STORE") as telescope:
        result = telescope.analyse.rate()
    [row] = result.rows.to_pylist()
    assert row["packets"] == 1 and row["mean"] is None and result.estimates["highest"].value is None
    assert "watched for less than a second, so no rate: C/24" in result.notes


def test_a_filter_by_sensor_takes_the_addresses_and_the_time_of_that_sensor(tmp_path: Path) -> None:
    """One block, of which two sensors watch a half each, one after the other."""
    for name, prefix, first, begin in (
        ("a", "198.51.100.0/25", 0xC6336400, 0), ("b", "198.51.100.128/25", 0xC6336480, 2),
    ):  # fmt: skip
        at = MIDNIGHT + begin * 3600 * 10**9
        packets = [(at + step * 10**10, udp(7, first + step % 100, 53)) for step in range(720)]
        packets.append((at + 2 * 3600 * 10**9 - 1000, udp(7, first, 53)))
        ingest(
            tmp_path / "STORE", write_pcap(tmp_path / f"{name}.pcap", packets), sensor=name, blocks=[f"C/24={prefix}"]
        )
    with ims.open(tmp_path / "STORE") as telescope:
        result = telescope.analyse.rate("sensor a")
        [row] = result.rows.to_pylist()
        assert row["mean"] == pytest.approx(0.2, rel=0.01) and row["slash24s"] == 0.5 and row["bins"] == 24
        assert result.darknet.addresses == pytest.approx(128)


def test_a_filter_that_names_destinations_is_noted(telescope: Telescope) -> None:
    for filter, noted in (
        ("dst net 198.51.100.0/25", True),
        ("src net 192.0.2.0/24", False),
        ("host 198.51.100.1", True),
    ):
        notes = telescope.analyse.rate(filter).notes
        assert any("names destinations" in note for note in notes) is noted, filter


def test_a_sensor_that_is_silent_in_one_question_is_left_out(telescope: Telescope) -> None:
    """Its block hasn't fallen quiet, and its packets didn't come while nothing was watched."""
    for verb in ("series", "darknet"):

        def ask(request: Request, verb: str = verb) -> Answer:
            answer = telescope.ask(request)
            if request.verb != verb:
                return answer
            kept = answer.table.filter(pc.not_equal(answer.table.column("block"), "B/25"))
            return Answer(kept, replace(answer.record, silent={"b": "too slow"}))

        result = run(ANALYSES["rate"], ask, {})
        assert list(by_block(result)) == ["A/24", "C/23"] == list(result.darknet.blocks)
        assert "left out, since a sensor didn't answer every question: B/25" in result.notes
        assert result.darknet.addresses == pytest.approx(256 + 512)
        assert not any("nothing was watched" in note for note in result.notes)


def test_a_darknet_without_bins_is_no_row(telescope: Telescope) -> None:
    """Coverage has rows, and the wide bins that a role is shown none."""

    def ask(request: Request) -> Answer:
        answer = telescope.ask(request)
        return Answer(answer.table.slice(0, 0), answer.record) if request.verb != "coverage" else answer

    result = run(ANALYSES["rate"], ask, {})
    assert len(result.rows) == len(result.series) == 0 and result.figure() is None
    assert all(each.value is None for each in result.estimates.values()) and result.notes


def test_no_block_is_no_row() -> None:
    found = model(Data([], FIVE_MINUTES))
    assert found.estimates == {} and len(found.rows) == len(found.series) == 0


def test_packets_outside_of_coverage_are_noted(telescope: Telescope, rates_store: Path) -> None:
    """As a sensor's that was killed before it stored what it watched."""

    def ask(request: Request) -> Answer:
        answer = telescope.ask(request)
        if request.verb != "darknet":
            return answer
        kept = answer.table.filter(pc.not_equal(answer.table.column("block"), "C/23"))
        return Answer(kept, answer.record)

    result = run(ANALYSES["rate"], ask, {})
    assert "97 packets came where by coverage nothing was watched, and count in no rate" in result.notes


def test_two_orders_of_magnitude_are_found_in_noise() -> None:
    """Blocks that follow a daily pattern, with bins of their own randomness: the ratio's interval holds the truth."""
    generator = np.random.default_rng(6)
    held = 0
    for _ in range(100):
        day = 1 + 0.5 * np.sin(np.arange(4 * 288) / 288 * 2 * np.pi)
        busy, quiet = (bins(name, generator.poisson(rate * day)) for name, rate in (("A/24", 300), ("B/24", 3)))
        ratio = model(Data([busy, quiet], FIVE_MINUTES)).estimates["ratio"]
        held += ratio.low <= 100 <= (ratio.high or np.inf)  # type: ignore[operator]
    assert held >= 90


@needs_captures
def test_a_real_honeypot_s_day_has_the_bins_that_tshark_counts(tmp_path: Path) -> None:
    capture = CAPTURES / "honeypot-glastopf-20170307-24h.pcap"
    words = ["tshark", "-r", str(capture), "-T", "fields", "-e", "frame.time_epoch", "-e", "ip.dst"]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
    seen = [line.split("\t") for line in lines if line]
    [(address, _)] = collections.Counter(address for _, address in seen).most_common(1)
    counted = collections.Counter(int(float(time)) // 300 * 300 for time, to in seen if to == address)
    ingest(tmp_path / "STORE", capture, blocks=[f"pot/32={address}/32"])
    with ims.open(tmp_path / "STORE") as telescope:
        result = telescope.analyse.rate()
    found = {round(row["time"].timestamp()): row["packets"] for row in result.series.to_pylist()}
    assert {time: packets for time, packets in found.items() if packets} == dict(counted)
    [row] = result.rows.to_pylist()
    assert row["packets"] == sum(counted.values()) and row["slash24s"] == 1 / 256
    assert result.darknet.addresses == 1
