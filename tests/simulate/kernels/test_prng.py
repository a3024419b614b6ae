"""Random numbers inside kernels are of the laws that they claim, and the hosts' addresses are a permutation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.kernels.hosts import address_of, block_at, number_of
from ims.simulate.kernels.prng import below, binomial, chosen, next64, poisson, stream, unit

from ..laws import ALPHA, chi_square, kolmogorov, uniform

DRAWS = 4000
u64 = st.integers(0, (1 << 64) - 1)


def reference(state):
    """xoshiro256++ as its authors print it, in Python's whole numbers."""
    mask = (1 << 64) - 1

    def rotated(x, k):
        return (x << k | x >> (64 - k)) & mask

    s = list(state)
    while True:
        yield (rotated((s[0] + s[3]) & mask, 23) + s[0]) & mask
        t = s[1] << 17 & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotated(s[3], 45)


@given(words=st.lists(u64, min_size=4, max_size=4))
def test_the_generator_is_xoshiro256_plus_plus(words):
    state, other = np.array(words, np.uint64), reference(words)
    assert [int(next64(state)) for _ in range(20)] == [next(other) for _ in range(20)]


def test_streams_differ_by_seed_and_number():
    first = {int(next64(stream(seed, number))) for seed in range(30) for number in range(30)}
    assert len(first) == 900
    assert stream(5, 7).tolist() == stream(5, 7).tolist()


def test_units_are_uniform_below_one():
    state = stream(1, 1)
    drawn = np.array([unit(state) for _ in range(DRAWS)])
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert kolmogorov(drawn, uniform(0, 1)) > ALPHA


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_below_reaches_all_numbers_alike(limit):
    state = stream(1, limit)
    counts = np.bincount([below(state, limit) for _ in range(DRAWS)], minlength=limit)
    assert counts.size == limit
    assert limit == 1 or chi_square(counts, np.ones(limit)) > ALPHA


def against(drawn, chances):
    """Chi-square where classes at both ends are put together until five are expected in each."""
    expected = np.asarray(chances) * len(drawn)
    counts = np.bincount(drawn, minlength=expected.size)[: expected.size].astype(float)
    enough = np.flatnonzero(expected >= 5)
    low, high = enough[0] + 1, enough[-1]
    parts = [slice(0, low), *[slice(i, i + 1) for i in range(low, high)], slice(high, None)]
    return chi_square([counts[part].sum() for part in parts], [expected[part].sum() for part in parts])


@pytest.mark.parametrize("mean", [0.3, 4.0, 63.9, 150.0])
def test_poisson_counts_are_poisson(mean):
    """Chi-square over all counts; 150 is drawn in three parts."""
    state = stream(2, int(mean))
    most = int(mean + 8 * math.sqrt(mean) + 10)
    chances = [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(most)]
    assert against([poisson(state, mean) for _ in range(DRAWS)], chances) > ALPHA


def test_nothing_is_expected_where_nothing_can_be():
    state = stream(2, 2)
    assert poisson(state, 0.0) == poisson(state, -1.0) == binomial(state, 0, 0.5) == binomial(state, 9, 0.0) == 0
    assert binomial(state, 9, 1.0) == 9


@pytest.mark.parametrize(("trials", "chance"), [(10, 0.3), (256, 0.01), (100, 0.9)])
def test_binomial_counts_are_binomial(trials, chance):
    state = stream(3, trials)
    chances = [math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(trials + 1)]
    drawn = [binomial(state, trials, chance) for _ in range(DRAWS)]
    assert max(drawn) <= trials
    assert against(drawn, chances) > ALPHA


def test_choices_have_their_weights():
    """Chi-square; a weight of 0 is never chosen, and what stands before `first` doesn't matter."""
    cumulative = np.cumsum([9.0, 1.0, 0.0, 3.0, 6.0])[1:] - 9.0
    table = np.concatenate([[5.0, 7.0], cumulative])
    state = stream(4, 1)
    counts = np.bincount([chosen(state, table, 2, 4) - 2 for _ in range(DRAWS)], minlength=4)
    assert counts[1] == 0
    assert chi_square(counts[[0, 2, 3]], [1, 3, 6]) > ALPHA


@given(keys=st.lists(u64, min_size=5, max_size=5), number=st.integers(0, (1 << 32) - 1))
def test_a_host_s_number_and_address_are_a_permutation_of_each_other(keys, number):
    keys = np.array(keys, np.uint64)
    address = address_of(keys, number)
    assert 0 <= address < 1 << 32
    assert number_of(keys, address) == number
    assert address_of(keys, number_of(keys, number)) == number


def test_hosts_are_spread_over_all_networks():
    """Chi-square over the first octets, and over the last ones, of 10,000 hosts one after the other."""
    keys = np.random.default_rng(1).integers(0, 1 << 64, 5, np.uint64)
    addresses = np.array([address_of(keys, number) for number in range(10_000)])
    for part in (addresses >> 24, addresses >> 16 & 0xFF, addresses & 0xFF):
        assert chi_square(np.bincount(part, minlength=256), np.ones(256)) > ALPHA


@given(st.lists(st.integers(0, 100), unique=True, min_size=2, max_size=8), st.integers(0, 100))
def test_an_address_is_in_the_block_that_holds_it(ends, address):
    ends = sorted(ends)[: len(ends) // 2 * 2]
    first, last = np.array(ends[::2]), np.array(ends[1::2])
    holds = [index for index, (low, high) in enumerate(zip(first, last, strict=True)) if low <= address <= high]
    assert block_at(address, first, last) == (holds[0] if holds else -1)
