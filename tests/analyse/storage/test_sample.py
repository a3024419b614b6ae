"""Where a sample is taken, and how near its ratio is to that of all."""

from __future__ import annotations

import io

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.storage.sample import (
    LEVEL,
    OCTETS,
    PLACES,
    Compressed,
    bins_of,
    ratio_of,
    ratios_of_bins,
    spots_of,
)


def test_what_is_written_is_counted_as_zstd_compresses_it() -> None:
    octets = np.random.default_rng(1).integers(0, 4, 1 << 20, np.uint8).tobytes()
    out, file = Compressed(), io.BytesIO()
    with zstandard.ZstdCompressor(level=LEVEL).stream_writer(file, closefd=False) as writer:
        for begin in range(0, len(octets), 100_000):
            piece = octets[begin : begin + 100_000]
            assert out.write(piece) == writer.write(piece) == len(piece)
    out.flush()
    assert out.written == len(octets)
    assert out.ratio() == pytest.approx(len(file.getvalue()) / len(octets), abs=1e-4)


@given(st.lists(st.integers(1, 1 << 34), min_size=1, max_size=50))
def test_hours_have_places_in_proportion_to_their_octets(octets: list[int]) -> None:
    sizes = np.array(octets, np.float64)
    spots = spots_of(sizes)
    assert len(spots) == PLACES
    assert all(-1 <= at <= sizes[row] + 1 for row, at in spots)
    chosen = np.bincount([row for row, _ in spots], minlength=len(octets))
    assert (np.abs(chosen - PLACES * sizes / sizes.sum()) < 1 + 1e-9).all()


@given(st.lists(st.integers(1, 1 << 24), min_size=1, max_size=50), st.floats(0, 1))
def test_a_place_has_its_octets_where_there_are_as_many(octets: list[int], part: float) -> None:
    sizes = np.array(octets, np.float64)
    first, last = bins_of(sizes, part * sizes.sum())
    assert 0 <= first <= last < len(sizes)
    inside = sizes[first : last + 1].sum()
    assert inside >= min(OCTETS, sizes.sum()) * 0.999
    assert inside - OCTETS <= sizes[first] + sizes[last]


def test_a_bin_s_interval_is_as_wide_as_places_differ_and_of_all_it_is_the_whole_s() -> None:
    """An eighth of the octets is an attack's, which are hardly smaller: its hour's interval holds that."""
    ratios = np.array([0.3] * 7 + [0.95])
    shares = np.array([1.0, 1 / 8])
    whole = ratio_of(ratios, False, 0.95)
    (low, high) = ratios_of_bins(ratios, False, shares, 0.95)[1:]
    assert whole is not None and (low[0], high[0]) == pytest.approx(whole[1:])
    assert low[1] <= 0.3 < 0.8 < high[1] < 0.95
    assert np.isnan(ratios_of_bins(ratios[:1], False, shares, 0.95)).all()


def test_of_bins_of_what_was_compressed_as_one_only_the_sum_is_known() -> None:
    found = ratios_of_bins(np.array([0.3]), True, np.array([0.4, 0.6]), 0.95)
    assert (found[0] == 0.3).all() and np.isnan(found[1:]).all()
    assert (ratios_of_bins(np.array([0.3]), True, np.array([1.0]), 0.95) == 0.3).all()


def test_the_interval_is_of_places_that_differ() -> None:
    assert ratio_of(np.array([0.3]), True, 0.95) == (0.3, 0.3, 0.3)
    assert ratio_of(np.array([0.3]), False, 0.95) is None
    random, held = np.random.default_rng(2), 0
    for _ in range(400):
        found = ratio_of(random.normal(0.3, 0.05, PLACES), False, 0.95)
        assert found is not None
        held += found.low <= 0.3 <= found.high
    assert 365 <= held <= 394  # of 400, a 95 % interval
