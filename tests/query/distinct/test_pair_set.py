"""Distinct pairs of batches, against numpy's unique."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from ims.query.distinct import pair_set
from ims.query.distinct.pair_set import DistinctPairs, as_pairs

DICE = np.random.default_rng(6)
MOST = 0xFFFF_FFFF
KINDS = {
    "few of few": lambda: (DICE.integers(0, 5, 20_000), DICE.integers(0, 50, 20_000)),
    "all different": lambda: (DICE.integers(0, MOST + 1, 20_000), DICE.integers(0, MOST + 1, 20_000)),
    "one group": lambda: (np.full(20_000, 20_516), DICE.integers(0, 1 << 32, 20_000)),
    "one address": lambda: (DICE.integers(0, 65_536, 20_000), np.full(20_000, MOST)),
    "corners": lambda: (DICE.choice([0, 1, MOST], 20_000), DICE.choice([0, 1, MOST], 20_000)),
    "low bits alike": lambda: (DICE.integers(0, 100, 20_000) << 16, DICE.integers(0, 256, 20_000) << 24),
    "none": lambda: (np.zeros(0), np.zeros(0)),
}


@pytest.fixture(params=[True, False], ids=["small limits", "as it is"])
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(pair_set, "AT_ONCE", 3000)
        monkeypatch.setattr(pair_set, "FIRST", 1000)
        monkeypatch.setattr(pair_set, "SMALLEST", 1)


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("kinds", [[kind] * 3 for kind in KINDS] + [list(KINDS), list(reversed(KINDS))], ids="-".join)
def test_each_pair_once(kinds: list[str]) -> None:
    wanted = []
    with closing(DistinctPairs(1 << 32)) as found:
        for kind in kinds:
            groups, members = (values.astype(np.int64) for values in KINDS[kind]())
            pairs = as_pairs(groups * 7, members.astype(np.uint32), 7)
            wanted.append(groups.astype(np.uint64) << np.uint64(32) | members.astype(np.uint64))
            found.add(pairs)
            pairs[:] = 0  # its memory is used again
        numbers, members = found.all()
    got = numbers.astype(np.uint64) << np.uint64(32) | members
    assert np.array_equal(np.sort(got), np.unique(np.concatenate(wanted)))


@pytest.mark.usefixtures("limits")
def test_more_than_may_be_told_apart_are_refused() -> None:
    pairs = np.arange(5000, dtype=np.uint64)
    with closing(DistinctPairs(4000)) as found, pytest.raises(OverflowError, match=r"at most 4,000 are counted"):
        found.add(pairs)
        found.all()
    with closing(DistinctPairs(5000)) as enough:
        for _ in range(3):
            enough.add(pairs)
        assert enough.all()[1].size == 5000


@pytest.mark.parametrize("number", [-1, 1 << 32, -(1 << 63), (1 << 63) - 1])
def test_a_group_with_more_than_32_bits_is_refused(number: int) -> None:
    groups = np.array([3, number], np.int64)
    with pytest.raises(OverflowError, match="more than 32 bits"):
        as_pairs(groups, np.zeros(2, np.uint32), 1)
