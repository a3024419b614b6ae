"""A batch becomes the rows that Python would make of it, in memory and in a file, whoever reads the file."""

import datetime

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.records import CATEGORIES, PACKETS, PAYLOAD, RESPONDER, TCP_OPTIONS, packet_batch
from ims.settings.durations import HOUR_US
from ims.store.columns import (
    Distinct,
    batch_schema,
    binary_column,
    by_hour,
    conform,
    distinct_values,
    kept_order,
    packets_table,
)
from ims.store.schema import parquet_writer, stored_schema

from ..effort import examples

BLOCKS = ["C/24", "B/16", "é"]
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def random_batch(seed, rows, spread_us=HOUR_US):
    """A batch of any numbers; times jump about within `spread_us`."""
    dice = np.random.default_rng(seed)
    batch = packet_batch(rows + 3)  # longer than what is used of it
    for column in batch:
        column[:] = dice.integers(0, np.iinfo(column.dtype).max, len(column), column.dtype, endpoint=True)
    batch.time[:] = 1_700_000_000_000_000 // HOUR_US * HOUR_US + dice.integers(0, spread_us, len(batch.time))
    batch.layers[:] = dice.integers(0, 1 << 16, len(batch.layers)) & ~RESPONDER
    for flags in (batch.new_payload, batch.truncated):
        flags[:] = dice.integers(0, 2, len(flags))
    batch.category[:] = dice.integers(0, len(CATEGORIES), len(batch.category))
    batch.block[:] = dice.integers(0, len(BLOCKS), len(batch.block))
    values = [dice.bytes(length) for length in (0, 4, 40)]
    options = Distinct(np.frombuffer(b"".join(values), np.uint8), np.cumsum([0, *map(len, values)]).astype(np.int32))
    signatures = dice.integers(0, 256, (4, 16), np.uint8)
    batch.options_entry[:] = np.where(batch.layers & TCP_OPTIONS, dice.integers(0, 3, len(batch.layers)), -1)
    batch.signature_entry[:] = np.where(batch.layers & PAYLOAD, dice.integers(0, 4, len(batch.layers)), -1)
    return batch, signatures, options, values


def expected(batch, row, signatures, values):
    """What row `row` should be, one plain value a column, times as microseconds."""
    found = {}
    for column in PACKETS:
        if column.layer > 0 and not batch.layers[row] & column.layer:
            found[column.name] = None
        elif column.name == "signature":
            found[column.name] = signatures[batch.signature_entry[row]].tobytes()
        elif column.name == "tcp_options":
            found[column.name] = values[batch.options_entry[row]]
        elif column.name == "verified":
            found[column.name] = None
        elif column.name == "category":
            found[column.name] = CATEGORIES[batch.category[row]]
        elif column.name == "block":
            found[column.name] = BLOCKS[batch.block[row]]
        else:
            found[column.name] = int(getattr(batch, column.name)[row])
    return found


def as_plain(row):
    """A row as expected() gives it, whichever reader it came from."""
    found = dict(row)
    found["time"] = (found["time"] - EPOCH) // datetime.timedelta(microseconds=1)
    return {name: int(value) if isinstance(value, bool) else value for name, value in found.items()}


def keyed(rows):
    """Without their order, which readers needn't keep."""
    return sorted(rows, key=lambda row: repr(sorted(row.items(), key=str)))


@settings(max_examples=examples(60, 12))
@given(st.integers(0, 2**32), st.integers(0, 40))
def test_a_batch_is_its_rows_column_by_column(seed, rows):
    batch, signatures, options, values = random_batch(seed, rows)
    table = packets_table(batch, rows, BLOCKS, signatures, options)
    table.validate(full=True)
    assert table.schema == batch_schema()
    order = kept_order(batch, rows)
    assert [as_plain(row) for row in table.to_pylist()] == [expected(batch, i, signatures, values) for i in order]


@settings(max_examples=examples(60, 12))
@given(st.integers(0, 2**32), st.integers(0, 40), st.sampled_from([HOUR_US, 9 * HOUR_US]))
def test_the_kept_order_is_by_hour_then_protocol_and_flags_then_arrival(seed, rows, spread_us):
    batch, *_rest = random_batch(seed, rows, spread_us)
    batch.protocol[:] &= 1
    batch.tcp_flags[:] &= 0x101
    wanted = sorted(range(rows), key=lambda i: (batch.time[i] // HOUR_US, batch.protocol[i], batch.tcp_flags[i] & 0xFF))
    assert kept_order(batch, rows).tolist() == wanted


def test_without_any_options_or_signatures_these_columns_are_null(tmp_path):
    batch, _signatures, _options, _values = random_batch(1, 9)
    batch.layers[:] = 0
    nothing = Distinct(np.empty(0, np.uint8), np.zeros(1, np.int32))
    table = packets_table(batch, 9, BLOCKS, np.empty((0, 16), np.uint8), nothing)
    table.validate(full=True)
    with parquet_writer(tmp_path / "x", "packets", table.schema) as writer:
        writer.write_table(table)
    found = pq.ParquetFile(tmp_path / "x").read()
    assert found.column("tcp_options").null_count == found.column("signature").null_count == 9


@settings(max_examples=examples(25, 10))
@given(st.integers(0, 2**32), st.integers(1, 60), st.sampled_from([HOUR_US, 30 * HOUR_US]))
def test_duckdb_polars_and_pyarrow_read_back_the_rows_that_were_written(tmp_path_factory, seed, rows, spread_us):
    folder = tmp_path_factory.mktemp("parts")
    batch, signatures, options, values = random_batch(seed, rows, spread_us)
    table = packets_table(batch, rows, BLOCKS, signatures, options)
    for number, (hour, part) in enumerate(by_hour(table, "time")):
        with parquet_writer(folder / f"{number}.parquet", "packets", part.schema) as writer:
            writer.write_table(part)
        assert set(part.column("time").cast(pa.int64()).to_numpy() // HOUR_US) == {hour}
    wanted = keyed([expected(batch, row, signatures, values) for row in range(rows)])
    with duckdb.connect() as duck:
        duck.execute("SET timezone = 'UTC'")
        found = duck.sql(f"FROM read_parquet('{folder}/*.parquet')").to_arrow_table()
    assert found.column_names == [column.name for column in PACKETS]
    assert keyed(as_plain(row) for row in found.to_pylist()) == wanted
    assert keyed(as_plain(row) for row in polars.read_parquet(folder / "*.parquet").to_dicts()) == wanted
    assert keyed(as_plain(row) for row in pq.read_table(folder).to_pylist()) == wanted


def test_rows_of_one_hour_are_passed_on_as_they_are():
    batch, signatures, options, _values = random_batch(2, 30)
    table = packets_table(batch, 30, BLOCKS, signatures, options)
    [(hour, same)] = by_hour(table, "time")
    assert same is table
    assert hour == 1_700_000_000_000_000 // HOUR_US


@settings(max_examples=examples(50, 10))
@given(st.lists(st.integers(0, 5 * HOUR_US), max_size=30))
def test_hours_come_in_order_each_once_with_their_rows_as_they_came(times):
    table = pa.table({"time": pa.array(times, pa.timestamp("us", "UTC")), "number": range(len(times))})
    found = [(hour, rows.column("number").to_pylist()) for hour, rows in by_hour(table, "time")]
    wanted = {}
    for number, time in enumerate(times):
        wanted.setdefault(time // HOUR_US, []).append(number)
    assert found == sorted(wanted.items())


def test_an_hour_of_many_does_not_take_the_whole_dictionary_with_it():
    batch, signatures, options, _values = random_batch(4, 50, 10 * HOUR_US)
    table = packets_table(batch, 50, BLOCKS, signatures, options)
    parts = dict(by_hour(table, "time"))
    assert len(parts) > 1
    assert all(part.schema == stored_schema("packets") for part in parts.values())


def test_conform_makes_one_schema_of_the_other_and_keeps_the_rows():
    batch, signatures, options, _values = random_batch(5, 40)
    packed = packets_table(batch, 40, BLOCKS, signatures, options)
    dense = conform(packed, stored_schema("packets"))
    assert dense.schema == stored_schema("packets")
    assert dense.to_pylist() == packed.to_pylist()
    in_pieces = pa.concat_tables([dense.slice(0, 7), dense.slice(7)])
    again = conform(in_pieces, batch_schema())
    assert again.schema == batch_schema()
    assert again.to_pylist() == packed.to_pylist()
    assert conform(packed, batch_schema()).equals(packed)


def test_conform_keeps_rows_that_are_slices_of_others():
    batch, signatures, options, _values = random_batch(6, 40)
    packed = packets_table(batch, 40, BLOCKS, signatures, options)
    dense = conform(packed.slice(11, 20), stored_schema("packets"))
    assert dense.to_pylist() == packed.to_pylist()[11:31]


@given(st.lists(st.binary(max_size=20), max_size=10), st.data())
def test_distinct_values_come_back_from_arrow_even_from_a_slice(values, data):
    distinct = Distinct(np.frombuffer(b"".join(values), np.uint8), np.cumsum([0, *map(len, values)]).astype(np.int32))
    column = binary_column(distinct)
    assert column.to_pylist() == values
    begin = data.draw(st.integers(0, len(values)))
    again = distinct_values(column.slice(begin))
    found = [again.octets[a:b].tobytes() for a, b in zip(again.offsets, again.offsets[1:], strict=False)]
    assert found == values[begin:]


@pytest.mark.parametrize("rows", [1, 7, 8, 9])
def test_what_lies_beyond_the_rows_of_a_batch_is_not_in_the_table(rows):
    batch, signatures, options, values = random_batch(7, rows)
    table = packets_table(batch, rows, BLOCKS, signatures, options)
    assert table.num_rows == rows
    wanted = [expected(batch, row, signatures, values) for row in range(rows)]
    assert keyed(map(as_plain, table.to_pylist())) == keyed(wanted)
