"""Noise on viewers' cells: what it is, what intervals hold, and what a prober makes of it, as docs/secrecy.md says."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.privacy.noise import SCALES, Noise
from ims.portal.privacy.settings import SecrecySettings
from tests.portal.prober import Prober, bound, cells_of

DEFAULTS = SecrecySettings()
NOISE = Noise(DEFAULTS.viewer_noise, DEFAULTS.viewer_threshold, bytes(32))
PAGE = (Path(__file__).parents[3] / "docs" / "secrecy.md").read_text()
SECRETS = st.binary(min_size=32, max_size=32)
METRICS = st.sampled_from(sorted(SCALES))


@given(SECRETS, METRICS, st.integers(0, 10**9), st.integers(0, 2000), st.integers(0, 10**6))
def test_a_cell_with_few_packets_looks_as_one_with_none(
    secret: bytes, metric: str, deviation: int, threshold: int, hour: int
) -> None:
    noise = Noise(deviation, threshold, secret)
    assert noise.published(metric, f"port 23 {hour}", 0) is None
    few = noise.lowest(metric) - noise.most(metric) - 1
    assert noise.published(metric, f"port 23 {hour}", few) is None


@given(SECRETS, METRICS, st.integers(0, 10**12), st.text(max_size=20))
def test_a_cell_is_published_alike_to_everybody_and_less_than_the_largest_noise_off(
    secret: bytes, metric: str, value: int, name: str
) -> None:
    noise = Noise(250, 1000, secret)
    seen = noise.published(metric, name, value)
    assert seen == noise.published(metric, name, value)
    assert seen is None or (abs(seen - value) <= noise.most(metric) and seen >= noise.lowest(metric))
    if value >= noise.lowest(metric) + noise.most(metric):
        assert seen is not None


def test_noise_is_as_large_as_it_is_said_to_be_and_adds_nothing_on_average() -> None:
    for metric in ("packets", "sources", "bytes"):
        value = 10 * NOISE.lowest(metric)
        seen = [NOISE.published(metric, f"port {n}", value) or 0 for n in range(20_000)]
        deviation = NOISE.deviation_of(metric)
        assert abs(statistics.fmean(seen) - value) < 5 * deviation / 20_000**0.5
        assert 0.97 < statistics.stdev(seen) / deviation < 1.01  # cut off, so a little less


def test_one_packet_more_has_another_noise() -> None:
    """A sensor that was silent comes back: the difference of what was shown before and after isn't what it has."""
    before, after = ([NOISE.published("packets", f"{n}", value) or 0 for n in range(5000)] for value in (9000, 9001))
    differences = [b - a for a, b in zip(before, after, strict=True)]
    assert 1.3 < statistics.stdev(differences) / NOISE.deviation < 1.5


def test_without_noise_and_threshold_values_are_exact() -> None:
    exact = Noise(0, 0, bytes(32))
    assert [exact.published("packets", "", value) for value in (0, 1, 3)] == [None, 1, 3]
    assert exact.interval("packets", 3, 2, 5) == (3, 3)


@pytest.mark.parametrize("mean", [0, 300, 800, 1000, 1500, 20_000])
@pytest.mark.parametrize("cells", [1, 24])
def test_intervals_hold_the_true_sum_95_times_in_100(mean: int, cells: int) -> None:
    """Where cells are withheld, more often. One is always far above the threshold, as the port in a day's first hour."""
    held = 0
    for trial in range(1000):
        values = [40_000, *[mean] * (cells - 1)] if cells > 1 else [mean]
        seen = [NOISE.published("packets", f"{mean} {trial} {at}", value) for at, value in enumerate(values)]
        shown = [value for value in seen if value is not None]
        low, high = NOISE.interval("packets", sum(shown), len(shown), cells - len(shown))
        held += low <= sum(values) <= high
    assert held >= 930  # of 950 expected; three standard deviations are 21


def test_of_cells_just_above_the_threshold_intervals_hold_less() -> None:
    """As the page says: whoever looks at those alone that are shown looks at those that noise has lifted."""
    seen = [NOISE.published("packets", f"lifted {trial}", 700) for trial in range(4000)]
    shown = [value for value in seen if value is not None]
    held = sum(NOISE.interval("packets", value, 1, 0)[0] <= 700 for value in shown)
    [often, of] = re.findall(r"a cell of 700 is shown (\d+) times in 100, .* holds 700 in (\d+) of 100", PAGE)[0]
    assert abs(len(shown) / 4000 - int(often) / 100) < 0.03
    assert abs(held / len(shown) - int(of) / 100) < 0.08


def test_without_noise_a_handful_of_packets_is_found() -> None:
    """What the defaults are compared with: a quiet port, exact figures."""
    exact = Noise(0.01, 0, bytes(32))
    assert Prober(exact, cells_of([0.5], 0, False)).found(5, trials=500) > 0.95


def test_with_the_defaults_a_24_takes_hundreds_of_packets_at_best() -> None:
    """He knows everything else to the packet, and sees every cell: what all tables tell together, and no more."""
    best = Prober(NOISE, cells_of([5000] * 7, 9000, True))
    for packets in (50, 100, 200):
        assert best.found(packets, trials=1500) < bound(packets, NOISE) + 0.06
    assert best.found(200, trials=1500) > 0.4  # nor is more claimed
    assert best.found(500, trials=500) > 0.95
    assert Prober(NOISE, cells_of([0] * 7, 0, True)).found(100, trials=500) < 0.03


WHO = {
    "all else, to the packet": (cells_of([5000] * 7, 9000, True), 1),
    "the same, over four hours": (cells_of([5000] * 7, 9000, True), 4),
    "that nothing else comes": (cells_of([0] * 7, 0, True), 1),
    "the means: 4,000 packets an hour in all, 960 to his port": (
        cells_of([4000, 960, 3200, 2400, 4000, 4000, 40], 200, False), 1,
    ),
    "the means: 4,000 in all, none to his port": (cells_of([4000, 0.5, 3200, 2400, 4000, 4000, 40], 200, False), 1),
    "the means: 1,000,000 in all, 1,300 to his port": (
        cells_of([1e6, 1300, 8e5, 6e5, 1e6, 1e6, 1e4], 5e4, False), 1,
    ),
}  # fmt: skip
"""What the prober of each line of the page's table knows."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("who", WHO)
def test_the_page_says_how_often_a_probed_24_is_found(who: str) -> None:
    head = re.findall(r"^\| prober knows \|(.*)\|$", PAGE, re.MULTILINE)
    line = re.findall(rf"^\| {re.escape(who)} \|(.*)\|$", PAGE, re.MULTILINE)
    numbers, shares = ([re.sub(r"[^0-9]", "", cell) for cell in found[0].split("|")] for found in (head, line))
    cells, hours = WHO[who]
    for packets, share in zip(numbers, shares, strict=True):
        found = Prober(NOISE, cells, hours, seed=7).found(int(packets), trials=3000)
        assert abs(found - int(share) / 100) < 0.05, (packets, share)


def test_the_page_s_bound_is_the_tables() -> None:
    [line] = re.findall(r"^\| bound for everybody \|(.*)\|$", PAGE, re.MULTILINE)
    [head] = re.findall(r"^\| prober knows \|(.*)\|$", PAGE, re.MULTILINE)
    for packets, share in zip(head.split("|"), line.split("|"), strict=True):
        assert f"{bound(int(packets.replace(',', '').split()[0]), NOISE):.0%}".rstrip("%") == share.strip(" %")
