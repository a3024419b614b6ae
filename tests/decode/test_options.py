"""The distinct TCP options of a batch, against a Python dictionary of the same octets."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.decode.options import LONGEST, collect_options, options_table, reset_options
from ims.records import TCP_OPTIONS, packet_batch

ALIKE = st.builds(
    lambda common, different: common + different, st.binary(max_size=38), st.sampled_from([b"", b"\0", b"\1", b"\0\0"])
)
"""Values that differ late, in length or in a last octet only."""
VALUES = st.lists(st.none() | st.binary(max_size=LONGEST) | ALIKE, min_size=1, max_size=60)


def entered(values, before: bytes = b"", after: bytes = b""):
    """Each row's options as the table gives them back, and how many distinct ones it holds."""
    batch, table = packet_batch(len(values)), options_table(len(values))
    octets, at = bytearray(before), len(before)
    for row, value in enumerate(values):
        batch.layers[row] = 0 if value is None else TCP_OPTIONS
        batch.options_offset[row], batch.options_length[row] = at, len(value or b"")
        octets += value or b""
        at = len(octets)
    held = np.frombuffer(bytes(octets + after) or b"\0", np.uint8)
    collect_options(held, batch, 0, len(values), table)
    found = [
        None if entry < 0 else bytes(table.octets[table.offsets[entry] : table.offsets[entry + 1]])
        for entry in batch.options_entry[: len(values)].tolist()
    ]
    return found, int(table.count[0]), table


@given(values=VALUES, before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_each_row_points_to_its_own_octets(values, before, after):
    found, count, _ = entered(values, before, after)
    assert found == values
    assert count == len({value for value in values if value} | {b""})


def test_every_length_alone_at_the_end_of_the_octets():
    for length in range(LONGEST + 1):
        value = bytes(range(100, 100 + length))
        found, count, _ = entered([value, value[:-1], value, value[:-1] + b"\0"])
        assert found == [value, value[:-1], value, value[:-1] + b"\0"]
        assert count == len({value, value[:-1], value[:-1] + b"\0", b""})


def test_a_length_that_lies_gives_no_options():
    batch, table = packet_batch(4), options_table(4)
    octets = np.arange(16, dtype=np.uint8)
    batch.layers[:4] = TCP_OPTIONS
    batch.options_offset[:4], batch.options_length[:4] = (12, -1, 0, 0), (8, 4, LONGEST + 1, 20)
    collect_options(octets, batch, 0, 4, table)
    assert batch.options_entry[:4].tolist() == [0, 0, 0, 0]
    assert table.count[0] == 1


def test_a_table_forgets():
    _, _, table = entered([b"\2\4\5\xb4", b"\1\1\1\0"])
    reset_options(table)
    assert table.count[0] == 1
    assert (table.slots == -1).all()
