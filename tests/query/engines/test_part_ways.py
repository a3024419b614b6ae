"""Ways to make parts of rows, against Python's own sets."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.engines.part_ways import Addresses, TotalsAndMembers

ADDRESSES = st.one_of(st.integers(0, 9), st.integers(0, 0xFFFF_FFFF))
ROWS = st.lists(st.tuples(ADDRESSES, ADDRESSES), max_size=80)


@given(st.lists(ROWS, max_size=4))
def test_columns_of_addresses_are_parts_with_each_once(batches: list[list[tuple[int, int]]]) -> None:
    kind = pa.schema([("a", pa.uint32()), ("b", pa.uint32())])
    rows = [pa.record_batch([[row[at] for row in batch] for at in (0, 1)], schema=kind) for batch in batches]
    parts = {name: pa.Table.from_batches(some, schema)
             for name, schema, some in Addresses(("a", "b")).found(iter(rows), 1 << 30)}  # fmt: skip
    for at, name in enumerate(("a", "b")):
        assert sorted(parts[name].column("member").to_pylist()) == sorted({row[at] for each in batches for row in each})


def test_more_addresses_than_memory_has_room_for_are_refused() -> None:
    batch = pa.record_batch({"a": pa.array(range(0, 1 << 32, 1 << 22), pa.uint32())})
    with pytest.raises(OverflowError):
        for _, _, batches in Addresses(("a",)).found(iter([batch]), 100):
            list(batches)


def test_a_row_of_totals_has_its_list_taken_apart() -> None:
    row = pa.record_batch({"packets": pa.array([7]), "member": pa.array([[b"x", b"y"]])})
    parts = {name: pa.Table.from_batches(batches, schema).to_pylist()
             for name, schema, batches in TotalsAndMembers("totals", "signature").found(iter([row]))}  # fmt: skip
    assert parts == {"totals": [{"packets": 7}], "signature": [{"member": b"x"}, {"member": b"y"}]}
