"""Columns as NumPy arrays hold what Arrow says they hold, whatever an engine made of their types."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.records import ICMP, PAYLOAD, PORTS, TCP, arrow_schema
from ims.store.arrays import layers, numbers, octet_lengths, octets, plain, present, signatures
from tests.store.made import NOON, packets

VALUES = st.lists(st.none() | st.binary(max_size=6), max_size=12)


def shapes(values, kind, data):
    """The same column as an engine may give it: whole, a slice of a longer one, in chunks, as a dictionary."""
    whole = pa.array(values, kind)
    longer = pa.concat_arrays([pa.array([b"before"] if pa.types.is_binary(kind) else [7], kind), whole, whole])
    cut = data.draw(st.integers(0, len(values)))
    return [
        whole,
        longer.slice(1, len(values)),
        pa.chunked_array([whole.slice(0, cut), whole.slice(cut)], kind),
        pa.chunked_array([], kind) if not values else whole.dictionary_encode(),
    ]


@given(VALUES, st.data())
def test_octets_are_the_values_one_after_the_other(values, data):
    for column in shapes(values, pa.binary(), data):
        found, bounds = octets(column)
        assert len(bounds) == len(values) + 1
        read = [found[bounds[i] : bounds[i + 1]].tobytes() for i in range(len(values))]
        assert read == [value or b"" for value in values]
        assert octet_lengths(column).tolist() == [len(value or b"") for value in values]
        assert present(column).tolist() == [value is not None for value in values]


@given(st.lists(st.none() | st.integers(0, 65535), max_size=12), st.data(), st.sampled_from(["u2", "i8", "u4"]))
def test_numbers_are_those_of_the_column_and_null_is_0(values, data, kind):
    for column in shapes(values, pa.uint16(), data):
        found = numbers(column, kind)
        assert (found.dtype, found.tolist()) == (np.dtype(kind), [value or 0 for value in values])
        assert found.flags.c_contiguous


def test_moments_of_any_unit_are_microseconds_and_booleans_0_and_1():
    moment = datetime.datetime(2026, 3, 5, 12, 0, 0, 7, datetime.UTC)
    for unit in ("us", "ns"):
        assert numbers(pa.array([moment, None], pa.timestamp(unit, "UTC")), "i8").tolist() == [NOON + 7, 0]
    assert numbers(pa.array([moment.replace(microsecond=0)], pa.timestamp("s")), "i8").tolist() == [NOON]
    assert numbers(pa.array([True, None, False]), "u1").tolist() == [1, 0, 0]


@given(st.lists(st.none() | st.binary(min_size=16, max_size=16), max_size=9), st.data())
def test_signatures_are_rows_of_16_octets_and_null_is_zeros(values, data):
    whole, cut = pa.array(values, pa.binary(16)), data.draw(st.integers(0, len(values)))
    for column in (
        whole,
        whole.cast(pa.binary()),
        whole.cast(pa.large_binary()),
        pa.chunked_array([whole[:cut], whole[cut:]]),
    ):
        found = signatures(column)
        assert found.shape == (len(values), 16)
        assert [row.tobytes() for row in found] == [value or bytes(16) for value in values]
    assert [row.tobytes() for row in signatures(whole[cut:])] == [value or bytes(16) for value in values[cut:]]


def test_signatures_of_another_length_are_refused():
    with pytest.raises(ValueError):
        signatures(pa.array([b"x" * 15]))


@pytest.mark.parametrize("offsets", [[0, 2, 9], [0, 3, 1], [-1, 0, 1], [0, 2**40, 2]])
def test_offsets_that_lead_out_of_the_octets_are_refused(offsets):
    memory = [None, pa.py_buffer(np.array(offsets, np.int64)), pa.py_buffer(b"four")]
    with pytest.raises(ValueError, match="offsets"):
        octets(pa.Array.from_buffers(pa.large_binary(), 2, memory))


def test_a_layer_is_there_where_its_column_is():
    schema = arrow_schema("packets")
    row = dict.fromkeys(schema.names)
    rows = [
        row,
        row | {"source_port": 0},
        row | {"source_port": 1, "tcp_flags": 0},
        row | {"icmp_type": 0, "signature": bytes(16)},
    ]
    table = pa.Table.from_pylist(rows, pa.schema([field.with_nullable(True) for field in schema]))
    assert layers(table).tolist() == [0, PORTS, PORTS | TCP, ICMP | PAYLOAD]
    made = packets(np.arange(4) + NOON)
    assert (layers(made) & PAYLOAD != 0).tolist() == [False, True, False, True]


def test_a_column_of_several_dictionaries_is_one_plain_array():
    parts = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", None]).dictionary_encode()]
    column = plain(pa.chunked_array(parts))
    assert (column.type, column.to_pylist()) == (pa.string(), ["a", "b", "b", None])
