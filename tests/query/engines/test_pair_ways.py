"""Pairs made of rows by kernels, against Python's own sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.engines.pair_ways import ChosenPairs, Pairs
from ims.query.engines.part_ways import Found

ADDRESSES = st.one_of(st.integers(0, 9), st.integers(0, 0xFFFF_FFFF))
PLACES = st.integers(0, 4)
ROWS = st.lists(st.tuples(PLACES, ADDRESSES), max_size=80)
MEMORY = 1 << 20


def batches_of(rows: list[tuple[int, int]]) -> Iterator[pa.RecordBatch]:
    kind = pa.schema([("number", pa.int64()), ("member", pa.uint32())])
    for begin in range(0, len(rows), 30):
        some = rows[begin : begin + 30]
        yield pa.record_batch([[row[at] for row in some] for at in (0, 1)], schema=kind)


def only(found: Found) -> tuple[str, pa.Table]:
    [(name, schema, batches)] = found
    return name, pa.Table.from_batches(batches, schema)


@given(ROWS, st.sampled_from([1, 3]))
def test_a_group_that_may_lack_has_each_of_its_addresses_once(rows: list[tuple[int, int]], width: int) -> None:
    """0 is null, and of a bin the number is its begin."""
    way = Pairs("members", "key", "uint8", 1, may_lack=True)
    name, found = only(way.found(batches_of(rows), MEMORY))
    assert name == "members" and found.schema.field("key").type == pa.uint8()
    wanted = {(None if number == 0 else number - 1, address) for number, address in rows}
    assert Counter(zip(*(found.column(each).to_pylist() for each in ("key", "member")), strict=True)) == Counter(wanted)
    bins = Pairs("members", "bin", "int64", width, may_lack=False, origin=5)
    _, found = only(bins.found(batches_of(rows), MEMORY))
    wanted_bins = {(number // width * width + 5, address) for number, address in rows}
    assert set(map(tuple, (row.values() for row in found.to_pylist()))) == wanted_bins
    assert found.num_rows == len(wanted_bins)


@given(ROWS, st.sampled_from([0, 8, 32]))
def test_groups_are_counted_by_the_first_bits_of_addresses_too(rows: list[tuple[int, int]], bits: int) -> None:
    name, found = only(Pairs("members", "bin", "int64", 1, False, bits).found(batches_of(rows), MEMORY, counted=True))
    shift = 32 - bits
    wanted = Counter((number, *([address >> shift << shift] if bits else [])) for number, address in set(rows))
    assert name == "values"
    assert {tuple(row.values())[:-1]: row["value"] for row in found.to_pylist()} == wanted


@given(ROWS)
def test_chosen_values_have_their_addresses(rows: list[tuple[int, int]]) -> None:
    way = ChosenPairs("members", (b"a", b"b", b"c", b"d", b"e"))
    name, found = only(way.found(batches_of(rows), MEMORY))
    assert name == "members"
    wanted = {(way.chosen[number], address) for number, address in rows}
    assert Counter(zip(*(found.column(each).to_pylist() for each in ("key", "other")), strict=True)) == Counter(wanted)
    _, counts = only(way.found(batches_of(rows), MEMORY, counted=True))
    assert {row["key"]: row["value"] for row in counts.to_pylist()} == Counter(key for key, _ in wanted)


def test_more_pairs_than_memory_has_room_for_are_refused() -> None:
    rows = [(1, address) for address in range(5000)]
    with pytest.raises(OverflowError):
        only(Pairs("members", "bin", "int64", 1, False).found(batches_of(rows), 48 * 100))
