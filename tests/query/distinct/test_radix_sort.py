"""Numbers sorted by their octets, against numpy's sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.distinct.radix_sort import FEW, VALUES, sort

MOST = (1 << 64) - 1
DICE = np.random.default_rng(16)
BITS = [1, 7, 8, 9, 16, 33, 41, 56, 63, 64]


def check(numbers: np.ndarray) -> None:
    """Sorted, with more memory than is needed, whose rest stays as it is."""
    wanted, spare = np.sort(numbers), np.full(numbers.size + 3, 7, np.uint64)
    sort(numbers, spare)
    assert np.array_equal(numbers, wanted)
    assert spare[numbers.size :].tolist() == [7, 7, 7]


@given(st.lists(st.one_of(st.integers(0, MOST), st.integers(0, 9), st.sampled_from([1 << 63, MOST]))))
def test_any_few_numbers(values: list[int]) -> None:
    check(np.array(values, np.uint64))


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("count", [FEW, FEW + 1, 5 * VALUES, 60 * VALUES])
def test_numbers_that_differ_in_some_bits(bits: int, count: int) -> None:
    """In the lowest and in the highest ones: buckets of many and of few numbers, by an odd and an even number of digits."""
    numbers = DICE.integers(0, (1 << bits) - 1, count, np.uint64, endpoint=True)
    check(numbers.copy())
    check(numbers << np.uint64(64 - bits))
    check(numbers | np.uint64(0x5A << 56))


def test_most_in_one_bucket() -> None:
    numbers = DICE.integers(0, 1 << 20, 20_000, np.uint64)
    numbers[7::1000] |= np.uint64(1 << 63)
    check(numbers)
    check(np.full(20_000, MOST, np.uint64))
    check(np.arange(20_000, dtype=np.uint64)[::-1].copy())


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="2 spare places for 3 numbers"):
        sort(np.zeros(3, np.uint64), np.zeros(2, np.uint64))
