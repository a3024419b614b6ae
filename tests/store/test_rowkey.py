"""A row key is the same from a batch and from stored columns, and another when any column is another."""

import hashlib
import struct

import numba
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.records import (
    ICMP,
    IP_HEADER,
    PAYLOAD,
    PORTS,
    PRESUMED,
    RESPONDER,
    TCP,
    TCP_OFFSET,
    TCP_OPTIONS,
    UDP_LENGTH,
    WHOLE_ICMP,
    WHOLE_TCP,
    packet_batch,
)
from ims.siphash import siphash_2_4
from ims.store.columns import Distinct, kept_order, packets_table
from ims.store.rowkey import FIELDS, row_keys_of_arrow, row_keys_of_batch

from ..effort import examples

EXAMPLES = 20 if numba.config.DISABLE_JIT else examples(100, 20)
LAYERS = (0, PAYLOAD, PORTS, PORTS | PAYLOAD, PORTS | TCP, WHOLE_TCP, WHOLE_TCP | PAYLOAD, ICMP, WHOLE_ICMP | PAYLOAD)
OPTIONS = (b"", b"\x02\x04\x05\xb4", bytes(40))


def random_batch(seed, rows):
    """A batch with any numbers, its signatures, and its distinct options."""
    dice = np.random.default_rng(seed)
    batch = packet_batch(rows)
    for column in batch:
        column[:] = dice.integers(0, np.iinfo(column.dtype).max, rows, column.dtype, endpoint=True)
    batch.time[:] = dice.integers(0, 2**32 * 10**6, rows)
    batch.layers[:] = dice.choice(LAYERS, rows)
    batch.truncated[:] = dice.integers(0, 2, rows)
    batch.category[:] = 0
    batch.block[:] = 0
    batch.options_entry[:] = np.where(batch.layers & TCP_OPTIONS, dice.integers(0, 3, rows), -1)
    batch.options_length[:] = np.where(batch.layers & TCP_OPTIONS, [len(OPTIONS[e]) for e in batch.options_entry], 0)
    batch.signature_entry[:] = np.where(batch.layers & PAYLOAD, dice.integers(0, 5, rows), -1)
    signatures = dice.integers(0, 256, (5, 16), np.uint8)
    options = Distinct(np.frombuffer(b"".join(OPTIONS), np.uint8), np.cumsum([0, *map(len, OPTIONS)]).astype(np.int32))
    return batch, signatures, options


def table_of(batch, signatures, options, rows):
    return packets_table(batch, rows, ["C/24"], signatures, options)


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32), st.integers(1, 50))
def test_batch_and_stored_columns_give_the_same_keys(seed, rows):
    batch, signatures, options = random_batch(seed, rows)
    table = table_of(batch, signatures, options, rows)
    keys = row_keys_of_batch(batch, np.arange(rows), signatures)
    assert keys.dtype == np.uint64
    assert row_keys_of_arrow(table).tolist() == keys[kept_order(batch, rows)].tolist()
    chosen = np.arange(rows)[::-2]
    assert row_keys_of_batch(batch, chosen, signatures).tolist() == keys[chosen].tolist()


def test_engines_that_widen_or_unpack_types_give_the_same_keys():
    batch, signatures, options = random_batch(3, 40)
    table = table_of(batch, signatures, options, 40)
    keys = row_keys_of_arrow(table)
    wide = {
        name: table.column(name).cast(pa.int64())
        for name in table.schema.names
        if pa.types.is_unsigned_integer(table.schema.field(name).type)
    }
    wide["signature"] = table.column("signature").cast(pa.binary())
    wide["tcp_options"] = table.column("tcp_options").cast(pa.binary())
    for name, column in wide.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    assert row_keys_of_arrow(table).tolist() == keys.tolist()
    pieces = pa.concat_tables([table.slice(0, 7), table.slice(7, 0), table.slice(7)])
    assert row_keys_of_arrow(pieces).tolist() == keys.tolist()
    assert row_keys_of_arrow(table.slice(9).to_batches()[0]).tolist() == keys[9:].tolist()


def test_no_rows_have_no_keys():
    batch, signatures, options = random_batch(4, 1)
    assert len(row_keys_of_arrow(table_of(batch, signatures, options, 1).slice(0, 0))) == 0
    assert len(row_keys_of_batch(batch, np.zeros(0, np.int64), signatures)) == 0


@pytest.mark.parametrize("field", [f for f in FIELDS if f[1] != "layers"], ids=lambda f: f[1])
def test_another_value_in_any_column_gives_another_key(field):
    _, name, _, layer = field
    batch, signatures, _ = random_batch(5, 1)
    batch.layers[0] = layer or PORTS
    before = row_keys_of_batch(batch, np.zeros(1, np.int64), signatures)[0]
    getattr(batch, name)[0] ^= 1
    assert row_keys_of_batch(batch, np.zeros(1, np.int64), signatures)[0] != before


def test_another_signature_or_layer_gives_another_key():
    batch, signatures, _ = random_batch(6, 1)
    keys = set()
    for layers, entry in ((PORTS, -1), (PORTS | PAYLOAD, 0), (PORTS | PAYLOAD, 1), (0, -1), (PAYLOAD, 0)):
        batch.layers[0], batch.signature_entry[0] = layers, entry
        keys.add(int(row_keys_of_batch(batch, np.zeros(1, np.int64), signatures)[0]))
    assert len(keys) == 5


def test_a_responder_that_ran_and_lengths_that_came_later_change_no_key():
    batch, signatures, _ = random_batch(8, 1)
    batch.layers[0], batch.truncated[0] = WHOLE_TCP, 0
    before = row_keys_of_batch(batch, np.zeros(1, np.int64), signatures)[0]
    batch.layers[0] |= RESPONDER | IP_HEADER | TCP_OFFSET | UDP_LENGTH | PRESUMED
    assert row_keys_of_batch(batch, np.zeros(1, np.int64), signatures)[0] == before


def test_keys_of_a_responder_s_first_stores_are_those_of_truncated_packets():
    batch, signatures, options = random_batch(9, 20)
    batch.layers[::2] |= RESPONDER
    batch.truncated[:] = 0
    table = table_of(batch, signatures, options, 20)
    new, old = row_keys_of_arrow(table), row_keys_of_arrow(table, old=True)
    ran = table.column("verified").is_valid().to_numpy(zero_copy_only=False)
    assert ran.sum() == 10 and (old == new).tolist() == (~ran).tolist()
    batch.truncated[:] = batch.layers & RESPONDER != 0
    assert row_keys_of_arrow(table_of(batch, signatures, options, 20)).tolist() == old.tolist()


def test_the_key_is_siphash_of_the_documented_words():
    batch, signatures, _ = random_batch(7, 1)
    for column in batch:
        column[:] = 0
    batch.time[0], batch.time_ns[0] = 1_700_000_000_123_456, 789
    batch.source[0], batch.destination[0] = 0xC0000201, 0xC6336401
    batch.protocol[0], batch.tos[0], batch.ttl[0], batch.checksum[0] = 17, 2, 63, 8
    batch.source_port[0], batch.destination_port[0] = 1024, 1434
    batch.ip_id[0], batch.ip_fragment[0] = 7, 0x4000
    batch.total_length[0], batch.payload_length[0] = 404, 376
    batch.layers[0], batch.truncated[0] = PORTS | PAYLOAD, 1
    signatures[0] = np.frombuffer(hashlib.md5(b"x").digest(), np.uint8)
    words = [
        1_700_000_000_123_456, 0xC0000201_C6336401, 1024 << 48 | 1434 << 32 | 7 << 16 | 0x4000, 0, 404 << 16 | 376, 0,
        789 << 48 | 17 << 40 | 2 << 32 | 63 << 24 | 8 << 16 | (9 + 16) << 8,
    ]  # fmt: skip
    octets = np.frombuffer(struct.pack("<7Q", *words) + hashlib.md5(b"x").digest(), np.uint8)
    zero = np.uint64(0)
    key = row_keys_of_batch(batch, np.zeros(1, np.int64), signatures)[0]
    assert key == siphash_2_4(octets, 0, 72, zero, zero)
