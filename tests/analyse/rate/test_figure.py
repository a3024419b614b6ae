"""The figure of rates: what is drawn, and what stands above it."""

from __future__ import annotations

import json

import numpy as np

from ims.analyse.rate.analysis import model
from ims.analyse.rate.figure import figure, plot
from ims.analyse.result import Darknet, Result
from ims.telescope import Telescope

from .test_analysis import FIVE_MINUTES, Data, bins


def result_of(*blocks: object, since: int = 0, until: int = 0, **darknet: int) -> Result:
    found = model(Data(blocks, FIVE_MINUTES))  # type: ignore[arg-type]
    names = tuple(each.block for each in blocks)  # type: ignore[attr-defined]
    return Result(
        "rate", "udp", since, until, Darknet(256.0 * len(names), names, **darknet), {"bin": "5m"},
        found.estimates, found.rows, found.series,
    )  # fmt: skip


def drawn(result: Result) -> dict[str, list[dict[str, float]]]:
    datasets: dict[str, list[dict[str, float]]] = figure(result).to_dict()["datasets"]
    return datasets


def test_it_says_range_bins_filter_size_ratio_and_losses(telescope: Telescope) -> None:
    text = json.dumps(
        figure(
            result_of(bins("A/24", [300] * 12), bins("B/24", [30] * 12), until=3_600_000_000, frames_lost=7)
        ).to_dict()
    )
    for part in ("1970-01-01 to 1970-01-01 01:00 UTC", "bins of 5m", "udp", "2 /24s watched: A/24, B/24",
                 "highest mean divided by lowest: 10 (", "7 packets lost", "A/24: mean 1 ("):  # fmt: skip
        assert part in text, part


def test_the_whole_range_is_drawn_where_nothing_was_watched_too() -> None:
    datasets = drawn(result_of(bins("A/24", [300] * 12, begin=12), since=0, until=6 * 3_600_000_000))
    assert min(row["time"] for row in datasets["panel_1_gaps"]) == 0
    assert max(row["until"] for row in datasets["panel_1_gaps"]) == 6 * 3_600_000


def test_a_bin_that_was_hardly_watched_isn_t_drawn_as_high_as_a_whole_one() -> None:
    block = bins("A/24", [300] * 11 + [200])
    block.seconds[-1] = 1.0
    values = [row["value"] for row in drawn(result_of(block, until=3_600_000_000))["panel_1_line"]]
    assert max(value for value in values if value is not None) == 1
    short = bins("A/24", [5])
    short.seconds[:] = 10
    assert drawn(result_of(short, until=10_000_000))["panel_1_line"]


def test_of_many_blocks_the_highest_and_the_lowest_are_drawn() -> None:
    blocks = [bins(f"{number:02}/24", np.full(12, 1000 - number)) for number in range(40)]
    result = result_of(*blocks, until=3_600_000_000)
    text = json.dumps(figure(result).to_dict())
    assert "of 40 blocks, the 23 with the highest means and the one with the lowest" in text
    assert "22/24: mean" in text and "39/24: mean" in text and "23/24: mean" not in text
    plotted = plot(result, 80, True)
    assert plotted is not None and plotted.count(": mean") == 12 and "39/24: mean" in plotted
