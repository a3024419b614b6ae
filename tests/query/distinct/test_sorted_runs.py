"""Numbers told apart and counted by sorting, against numpy."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from ims.query.distinct import sorted_runs
from ims.query.distinct.sorted_runs import SortedRuns

MOST = (1 << 64) - 1
DICE = np.random.default_rng(6)
KINDS = {
    "few": lambda: DICE.integers(0, 50, 20_000, np.uint64),
    "all different": lambda: DICE.integers(0, MOST, 20_000, np.uint64, endpoint=True),
    "one": lambda: np.full(20_000, MOST, np.uint64),
    "ascending": lambda: np.arange(20_000, dtype=np.uint64) + np.uint64(1 << 33),
    "none": lambda: np.zeros(0, np.uint64),
}


@pytest.fixture(params=[True, False], ids=["small limits", "as it is"])
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(sorted_runs, "AT_ONCE", 700)


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("kinds", [[kind] * 3 for kind in KINDS] + [list(KINDS), list(reversed(KINDS))], ids="-".join)
def test_each_number_of_all_batches_once(kinds: list[str], counted: bool) -> None:
    added = []
    with closing(SortedRuns(1 << 32, counted=counted)) as runs:
        for kind in kinds:
            batch = KINDS[kind]()
            added.append(batch.copy())
            runs.add(batch)
            batch[:] = 0  # its memory is used again
        found = runs.all()
    values, counts = np.unique(np.concatenate(added), return_counts=True)
    assert np.array_equal(found.numbers, values)
    assert np.array_equal(found.counts, counts if counted else [])


@pytest.mark.usefixtures("limits")
def test_numbers_may_be_written_where_they_are_sorted() -> None:
    some = KINDS["all different"]()
    with closing(SortedRuns(1 << 32)) as runs:
        at = 0
        while at < some.size:
            room = runs.room(min(650, some.size - at))
            assert 1 <= room.size <= 650
            room[:] = some[at : at + room.size]
            at += room.size
        assert np.array_equal(runs.all().numbers, np.unique(some))


def test_millions_are_sorted_as_users_have_them() -> None:
    """In several runs of the usual length, which are merged."""
    some, most = DICE.integers(0, 1 << 22, 3 * sorted_runs.AT_ONCE, np.uint64), 1 << 22
    with closing(SortedRuns(1 << 32, counted=True)) as runs:
        for begin in range(0, some.size, 1 << 18):
            runs.add(some[begin : begin + (1 << 18)])
        found = runs.all()
    counts = np.bincount(some.astype(np.int64), minlength=most)
    assert np.array_equal(found.numbers, np.flatnonzero(counts))
    assert np.array_equal(found.counts, counts[counts > 0])


@pytest.mark.usefixtures("limits")
def test_more_than_may_be_told_apart_are_refused() -> None:
    some = np.arange(5000, dtype=np.uint64)
    with closing(SortedRuns(4000)) as runs, pytest.raises(OverflowError, match=r"at most 4,000 are counted"):
        runs.add(some)
        runs.all()
    with closing(SortedRuns(5000)) as enough:
        for _ in range(3):
            enough.add(some)
        assert enough.all().numbers.size == 5000
