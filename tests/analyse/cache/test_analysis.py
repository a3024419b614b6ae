"""The hit rate, its dips and their causes, against what was planted, and where nothing can be said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.cache.analysis import model
from ims.analyse.cache.data import Bins, Data
from ims.analyse.cache.dips import Usual
from ims.analyse.execution import run
from ims.telescope import Telescope

from ...stores import MIDNIGHT, ingest, udp, write_pcap
from .test_data import DIP, FLOOD, FRESH, HOURS, STEADY, Role, store, telescope

__all__ = ["store", "telescope"]
HOUR_US = 3_600_000_000


def test_hit_rates_are_what_was_planted(telescope: Telescope) -> None:
    result = telescope.analyse.cache()
    steady, came = 2 * HOURS * STEADY + 2 - 20, 2 * HOURS * (STEADY + FRESH) + 2 + FLOOD * len(DIP)
    rate, usual, lowest = (result.estimates[name] for name in ("hit_rate", "usual", "lowest"))
    assert rate.value == pytest.approx(steady / came)
    assert usual.value == pytest.approx((steady - len(DIP) * STEADY) / (came - len(DIP) * (FLOOD + STEADY + FRESH)))
    assert lowest.method.startswith("A/24")
    assert "of 2 blocks, the one with the lowest hit rate: A/24" in result.notes
    alone = telescope.analyse.cache("block A/24")
    assert not any("lowest" in note for note in alone.notes) and alone.estimates["lowest"].value == lowest.value
    for each in (rate, usual, lowest):
        assert 0 <= each.low < each.value < each.high <= 1  # type: ignore[operator]
    [counted] = telescope.count("payload").rows()
    assert sum(row["payloads"] for row in result.series.to_pylist()) == counted["packets"]


def test_a_row_tells_when_where_and_what(telescope: Telescope) -> None:
    [row] = telescope.analyse.cache().rows.to_pylist()
    assert (row["block"], row["protocol"], row["port"]) == ("A/24", "udp", 3306)
    assert [row[name].hour for name in ("since", "until")] == [DIP.start, DIP.stop]
    assert row["hit_rate"] == pytest.approx(STEADY / (STEADY + FRESH + FLOOD))
    assert row["hit_rate_low"] < row["hit_rate"] < row["hit_rate_high"] < row["usual"]
    assert row["usual"] == pytest.approx(STEADY / (STEADY + FRESH), abs=0.01)
    assert row["share_low"] < row["share"] == 1.0 == row["share_high"]
    assert (row["payloads"], row["begins"]) == (FLOOD * len(DIP), "login 1")


def test_of_a_role_with_totals_there_is_a_hit_rate_and_a_note_instead_of_dips(telescope: Telescope) -> None:
    result = run(ANALYSES["cache"], Role(telescope).ask, {})
    assert {name for name, each in result.estimates.items() if each.value is not None} == {"hit_rate"}
    assert not len(result.rows)
    assert "dips, and what caused them, aren't looked for in what this role is shown" in result.notes


@pytest.mark.parametrize(
    ("payloads", "sentence"),
    [
        ([], "no packet with a payload came, or none is shown: there is no hit rate"),
        ([b""], "no packet with a payload came, or none is shown: there is no hit rate"),
        ([b"one"], "beyond the first hours of a day, so dips can't be told: A/24"),
    ],
)
def test_without_enough_a_plain_sentence_says_so(payloads: list[bytes], sentence: str, tmp_path: Path) -> None:
    packets = [(MIDNIGHT + n * 10**9, udp(1 << 24, 0xC6336400, 53, each)) for n, each in enumerate(payloads)]
    captured = write_pcap(tmp_path / "x.pcap", packets or [(MIDNIGHT, udp(1 << 24, 0xC6336400, 53))])
    ingest(tmp_path / "STORE", captured, blocks=["A/24=198.51.100.0/24"])
    with ims.open(tmp_path / "STORE") as telescope:
        result = telescope.analyse.cache()
    assert any(sentence in note for note in result.notes), result.notes
    if not any(payloads):
        assert result.figure() is None and result.plot() is None


def test_blocks_that_weren_t_watched_at_once_are_added_up_by_time() -> None:
    def bins(block: str, first: int) -> Bins:
        return Bins(block, (first + np.arange(8)) * HOUR_US, np.full(8, 3600.0), np.full(8, 10.0), np.full(8, 2.0))

    found = model(Data([bins("A", 0), bins("B", 4)], HOUR_US, {}, {}, is_shown=False))
    assert found.estimates["hit_rate"].value == pytest.approx(0.8)


def test_the_lowest_of_many_blocks_that_are_alike_is_as_low_as_they_are() -> None:
    """By chance one is lower than the others: which one it is, is known only afterwards."""
    dice, held, seeds = np.random.default_rng(8), 0, 60
    for _ in range(seeds):
        new = dice.poisson(20.0, (30, 48)).astype(np.float64)
        time, seconds, payloads = np.arange(48) * HOUR_US, np.full(48, 3600.0), np.full(48, 100.0)
        blocks = [Bins(str(at), time, seconds, payloads, each) for at, each in enumerate(new)]
        none = Usual(np.full(48, np.nan), np.zeros(48), np.ones(48))
        data = Data(blocks, HOUR_US, {bins.block: none for bins in blocks}, {bins.block: () for bins in blocks})
        lowest = model(data).estimates["lowest"]
        assert lowest.value == 1 - new.sum(1).max() / payloads.sum()
        held += lowest.low <= 0.8 <= lowest.high  # type: ignore[operator]
    assert held >= 54
