"""Distinct addresses of batches and of halves, against numpy's unique."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ims import arrow
from ims.query.distinct import address_set
from ims.query.distinct.address_set import (
    MARKED,
    MEMBERS,
    SIGNATURES,
    Distinct,
    as_batches,
    as_marks,
    counted_members,
    distinct_addresses,
    once,
)

DICE = np.random.default_rng(4)
KINDS = {
    "one /8": lambda: DICE.integers(10 << 24, 11 << 24, 50_000),
    "few of one /24": lambda: DICE.integers(10 << 24, (10 << 24) + 256, 50_000),
    "all of IPv4": lambda: DICE.integers(0, 1 << 32, 50_000),
    "both ends": lambda: DICE.choice([0, 1, 0xFFFF_FFFF, 0xFF00_0000], 50_000),
    "heavy tail": lambda: np.minimum(DICE.zipf(1.3, 50_000), 0xFFFF_FFFF),
    "none": lambda: np.zeros(0),
}  # fmt: skip


@pytest.fixture(params=[True, False], ids=["small limits", "as it is"])
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(address_set, "AT_ONCE", 60_000)
        monkeypatch.setattr(address_set, "FEW", 100)
        monkeypatch.setattr(address_set, "MOST_MARKED", 2)
        monkeypatch.setattr(address_set, "MANY", 10)


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("kinds", [[kind] * 3 for kind in KINDS] + [list(KINDS), list(reversed(KINDS))], ids="-".join)
def test_each_address_once_and_in_order(kinds: list[str]) -> None:
    arrays = [KINDS[kind]().astype(np.uint32) for kind in kinds]
    found = Distinct()
    for numbers in arrays:
        if numbers.size:
            found.add(numbers)
    assert np.array_equal(found.all(), np.unique(np.concatenate(arrays)))
    assert np.array_equal(once(arrays), np.unique(np.concatenate(arrays)))


@pytest.mark.usefixtures("limits")
def test_more_eights_than_are_marked() -> None:
    arrays = [DICE.integers(eight << 24, (eight + 1) << 24, 1000).astype(np.uint32) for eight in (9, 3, 200, 9, 77)]
    wanted = np.unique(np.concatenate(arrays))
    found = Distinct()
    for numbers in arrays:
        found.add(numbers)
        numbers[:] = 0  # its memory is used again
    assert np.array_equal(found.all(), wanted)


@pytest.mark.usefixtures("limits")
def test_more_addresses_than_there_may_be_are_refused() -> None:
    found = Distinct(most=70_000)
    with pytest.raises(OverflowError, match="at most 70,000 are counted"):
        for _ in range(200):
            found.add(DICE.integers(0, 1 << 32, 50_000).astype(np.uint32))


def test_two_columns_batch_by_batch() -> None:
    columns = [[DICE.integers(0, 1 << 28, 3000).astype(np.uint32) for _ in range(2)] for _ in range(3)]
    batches = [pa.RecordBatch.from_arrays([arrow.column(c, pa.uint32()) for c in pair], ["a", "b"]) for pair in columns]
    found = distinct_addresses([*batches, batches[0].slice(0, 0)], 2)
    for at in (0, 1):
        assert np.array_equal(found[at].all(), np.unique(np.concatenate([pair[at] for pair in columns])))


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("names", [["one /8", "one /8"], ["all of IPv4", "one /8", "heavy tail"], ["none"], []])
def test_the_union_of_halves(names: list[str]) -> None:
    parts = [np.unique(KINDS[name]().astype(np.uint32)) for name in names]
    tables = [pa.Table.from_batches(as_batches(part), MEMBERS) for part in parts]
    counts = counted_members({"source": MEMBERS, "destination": MEMBERS}, {"source": tables, "destination": tables[:1]})
    assert counts["source"] == len(set().union(*(part.tolist() for part in parts)))
    assert counts["destination"] == (parts[0].size if parts else 0)


@pytest.mark.usefixtures("limits")
def test_a_half_that_is_in_no_order_counts_the_same() -> None:
    ordered, other = (np.unique(KINDS["all of IPv4"]().astype(np.uint32)) for _ in range(2))
    shuffled = np.concatenate([DICE.permutation(other), other[:1000]])
    tables = [pa.Table.from_batches(as_batches(part), MEMBERS) for part in (ordered, shuffled)]
    assert counted_members({"source": MEMBERS}, {"source": tables}) == {"source": np.union1d(ordered, other).size}


def test_dense_addresses_are_told_as_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_set, "DENSE", 2000)
    arrays = [DICE.integers(eight << 24, (eight + 1) << 24, many).astype(np.uint32)
              for eight, many in ((9, 50_000), (10, 1000), (200, 9000))]  # fmt: skip
    halves = []
    for chosen in (arrays[:2], arrays[1:], arrays):
        found = Distinct()
        for numbers in chosen:
            found.add(numbers)
        halves.append((found.dense(), found.all()))
    assert [sorted(dense) for dense, _ in halves] == [[9], [200], [9, 200]]
    marks = [pa.Table.from_batches(as_marks(dense), MARKED) for dense, _ in halves]
    members = [pa.Table.from_batches(as_batches(rest), MEMBERS) for _, rest in halves]
    others = np.unique(DICE.integers(9 << 24, 11 << 24, 100_000).astype(np.uint32))
    members.append(pa.Table.from_batches(as_batches(others), MEMBERS))
    counts = counted_members({"source": MEMBERS}, {"source": members, "source.marks": marks})
    assert counts["source"] == np.unique(np.concatenate([*arrays, others])).size


def test_mixed_addresses_have_no_marks() -> None:
    found = Distinct()
    found.add(np.arange(1 << 20, dtype=np.uint32))
    found.add(np.array([0, 1 << 31], np.uint32))
    assert found.dense() == {}
    assert found.all().size == (1 << 20) + 1


def test_signatures_of_several_halves() -> None:
    """Some share their first eight octets, some their last, some are the same in several halves."""
    begins, ends = [DICE.bytes(8) for _ in range(300)], [DICE.bytes(8) for _ in range(3)]
    every = [begin + end for begin in begins for end in ends[: 1 + begin[0] % 3]]
    halves = [[every[at] for at in DICE.permutation(len(every))[:250]] for _ in range(4)]
    tables = [pa.table({"member": pa.array(half, pa.binary())}) for half in halves]
    tables += [pa.concat_tables([tables[0].slice(5, 100), tables[1].slice(7, 9)]), tables[0].slice(0, 0)]
    expected = {signature for half in halves for signature in half}
    assert counted_members({"signature": SIGNATURES}, {"signature": tables}) == {"signature": len(expected)}
    assert counted_members({"signature": SIGNATURES}, {}) == {"signature": 0}
    assert counted_members({}, {"signature": tables}) == {}
    tables.append(pa.table({"member": pa.array([b"none", b"", every[0]], pa.binary())}))  # from who knows whom
    assert counted_members({"signature": SIGNATURES}, {"signature": tables}) == {
        "signature": len({every[0], *expected}) + 2
    }
