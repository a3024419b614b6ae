"""Records are described once: NumPy batches, Arrow schemas and Parquet files agree with the description."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ims import records
from ims.records import BATCH_COLUMNS, LENGTHS, PACKETS, TABLES, Column, arrow_schema, arrow_type, packet_batch
from ims.store.schema import stored_schema

LAYERS = ("PORTS", "TCP", "ICMP", "PAYLOAD", "RESPONDER", "SEQUENCE", "ACKNOWLEDGMENT", "WINDOW", "URGENT", "TCP_OPTIONS",
          "ICMP_CODE", "ICMP_REST", "IP_HEADER", "TCP_OFFSET", "UDP_LENGTH", "PRESUMED")  # fmt: skip


def test_each_layer_is_a_bit_of_its_own_that_fits_the_column_layers() -> None:
    bits = [getattr(records, name) for name in LAYERS]
    assert sorted(bits) == [1 << bit for bit in range(len(bits))]
    batch = packet_batch(1)
    batch.layers[0] = sum(bits)
    assert int(batch.layers[0]) == sum(bits)
    assert {column.layer for column in PACKETS} <= {0, *bits}


def test_the_bits_of_checksum_are_those_of_its_sentence() -> None:
    (sentence,) = (column.meaning for column in PACKETS if column.name == "checksum")
    for bit, words in (
        (records.IP_WRONG, "IP checksum wrong"),
        (records.TRANSPORT_WRONG, "transport checksum wrong"),
        (records.TRANSPORT_UNVERIFIED, "transport checksum not verifiable"),
        (records.UDP_ABSENT, "UDP checksum absent"),
    ):
        assert f"{bit} {words}" in sentence


@pytest.mark.parametrize("capacity", [0, 1, 1000])
def test_a_batch_has_a_column_of_its_own_for_each_description(capacity: int) -> None:
    batch = packet_batch(capacity)
    assert batch._fields == tuple(column.name for column in BATCH_COLUMNS)
    assert [column.dtype for column in batch] == [np.dtype(column.numpy) for column in BATCH_COLUMNS]
    assert {column.shape for column in batch} == {(capacity,)}
    assert not any(np.shares_memory(left, right) for left in batch for right in batch if left is not right)


@pytest.mark.parametrize(
    "column", [c for c in PACKETS if c.numpy and not c.arrow.startswith("dictionary")], ids=lambda column: column.name
)
def test_a_batch_s_numbers_fit_what_is_stored(column: Column) -> None:
    kind = arrow_type(column.arrow)
    stored = {"timestamp[us, UTC]": "i8", "bool": "u1"}.get(column.arrow) or kind.to_pandas_dtype()
    assert np.dtype(stored) == np.dtype(column.numpy)


@pytest.mark.parametrize("table", TABLES)
def test_a_column_is_null_only_where_its_description_says_so(table: str) -> None:
    schema = arrow_schema(table)
    assert schema.names == [column.name for column in TABLES[table]]
    assert len(set(schema.names)) == len(schema.names)
    for field, column in zip(schema, TABLES[table], strict=True):
        assert field.nullable is (column.layer != 0)
        assert ("null" in column.meaning) is field.nullable, column


@pytest.mark.parametrize("table", TABLES)
def test_parquet_keeps_the_schema_s_names_and_nulls(table: str) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(arrow_schema(table).empty_table(), sink)
    read = pq.read_schema(pa.BufferReader(sink.getvalue()))
    assert read.names == stored_schema(table).names
    assert [field.nullable for field in read] == [field.nullable for field in arrow_schema(table)]


def test_the_columns_that_came_later_stand_last_and_may_be_null() -> None:
    assert arrow_schema("packets").names[-len(LENGTHS) :] == list(LENGTHS)
    assert all(arrow_schema("packets").field(name).nullable for name in LENGTHS)


def test_a_type_that_arrow_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="uint17"):
        arrow_type("uint17")
