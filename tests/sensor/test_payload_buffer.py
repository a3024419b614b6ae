"""Payloads and raw frames are copied out of a buffer that is used again; what the budget has no room for is counted."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.records import PAYLOAD, PORTS, packet_batch
from ims.sensor.payload_buffer import GLANCE, PayloadBuffer
from ims.sign.cache import Cache
from ims.sign.signer import Found, Signer
from ims.store.first_seen_index import FirstSeenIndex
from ims.store.rowkey import row_keys_of_batch

from ..effort import examples
from ..store.made import DAY, HOUR, NOON

BLOCKS = ("C/24", "D/8")


def batch_of(packets: list[tuple[int, bytes]]) -> tuple[Any, Any]:
    """A buffer and a batch of (time, payload); blocks and parts alternate."""
    batch = packet_batch(len(packets))
    for column in batch:
        column[:] = 0
    octets = b"\xee" * 5
    for row, (time, payload) in enumerate(packets):
        batch.time[row], batch.block[row], batch.protocol[row] = time, row % 2, 17
        batch.layers[row] = PAYLOAD | (0 if row % 2 else PORTS)
        batch.source[row], batch.destination_port[row] = 1000 + row, 53
        batch.payload_offset[row], batch.payload_length[row] = len(octets), len(payload)
        octets += payload + b"\xee"
    return np.frombuffer(bytearray(octets), np.uint8), batch


def all_uncached(rows: int) -> Found:
    """As a full cache finds them."""
    return Found(np.arange(rows), np.ones(rows, np.bool_), np.zeros(rows, np.bool_), 0)


def rows_of(buffer: PayloadBuffer) -> list[int]:
    return [row for rows, _ in buffer.hand_over().payloads for row in rows.tolist()]


def test_what_was_taken_outlives_its_buffer_and_becomes_rows(tmp_path: Path) -> None:
    octets, batch = batch_of([(NOON, b"one"), (NOON + 1, b"two"), (NOON + 2, b"one"), (NOON + DAY, b"one")])
    batch.raw[1], batch.ip_offset[1], batch.ip_captured[1], batch.ip_length[1] = 1, 5, 7, 1500
    signer, buffer, lost = Signer(Cache(16, bytes(16)), 4), PayloadBuffer(1 << 20), dict[str, int]()
    signer.begin_batch()
    for first, last in ((0, 2), (2, 4)):
        buffer.take(octets, batch, first, last, signer.sign(octets, batch, first, last), BLOCKS, lost)
    expected_frame = octets[5:12].tobytes()
    octets[:] = 0
    seen = FirstSeenIndex(tmp_path, "seen", ())
    payloads, frames = buffer.hand_over().tables(batch, signer.signatures, seen)
    moments = [datetime.fromtimestamp(time / 1e6, UTC) for time in (NOON, NOON + 1, NOON + DAY)]
    found = payloads.to_pylist()
    assert [row["payload"] for row in found] == [b"one", b"two", b"one"]
    assert [row["signature"] for row in found] == [hashlib.md5(row["payload"]).digest() for row in found]
    assert [row["length"] for row in found] == [3, 3, 3]
    assert [row["first_seen"].replace(microsecond=0) for row in found] == [m.replace(microsecond=0) for m in moments]
    assert [row["day"] for row in found] == [moment.date() for moment in moments]
    assert [row["ever_first_seen"] for row in found][2] == found[0]["first_seen"]
    assert [row["destination_port"] for row in found] == [53, None, None]
    assert [row["source"] for row in found] == [1000, 1001, 1003]
    (frame,) = frames.to_pylist()
    assert (frame["frame"], frame["length"], frame["time"]) == (expected_frame, 1500, found[1]["first_seen"])
    assert frame["row_key"] == int(row_keys_of_batch(batch, np.array([1]), signer.signatures)[0])
    assert (buffer.payloads, buffer.new_payloads, buffer.lost, lost) == (4, 3, 0, {})


def test_a_batch_that_was_handed_over_is_not_handed_over_again() -> None:
    octets, batch = batch_of([(NOON, b"x" * 100), (NOON, b"y" * 7)])
    buffer = PayloadBuffer(1000)
    buffer.take(octets, batch, 0, 2, all_uncached(2), BLOCKS, {})
    assert buffer.octets == 107
    assert buffer.newest == b"y" * 7
    assert rows_of(buffer) == [0, 1]
    assert buffer.octets == 0
    assert rows_of(buffer) == []
    buffer.take(octets, batch, 0, 1, all_uncached(1), BLOCKS, {})
    assert buffer.newest == b"x" * GLANCE


@settings(max_examples=examples(200, 40))
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 40)), min_size=1, max_size=8), max_size=5),
    st.integers(0, 80),
)
def test_a_full_cache_s_payloads_are_kept_up_to_the_hour_s_octets_and_no_further(
    takes: list[list[tuple[int, int]]], budget: int
) -> None:
    buffer, lost = PayloadBuffer(budget), dict[str, int]()
    spent, closed, missed = dict.fromkeys(range(3), 0), set[int](), {"C/24": 0, "D/8": 0}
    kept = 0
    for take in takes:
        octets, batch = batch_of([(NOON + hour * HOUR, bytes(length)) for hour, length in take])
        expected = []
        for row, (hour, length) in enumerate(take):
            if hour in closed or spent[hour] + length > budget:
                closed.add(hour)
                missed[BLOCKS[row % 2]] += 1
            else:
                spent[hour] += length
                expected.append(row)
        buffer.take(octets, batch, 0, len(take), all_uncached(len(take)), BLOCKS, lost)
        assert rows_of(buffer) == expected
        kept += len(expected)
    assert lost == {block: count for block, count in missed.items() if count}
    assert (buffer.lost, buffer.undeduplicated) == (sum(missed.values()), kept)


def test_what_the_cache_took_costs_no_budget_and_keeps_its_place() -> None:
    octets, batch = batch_of([(NOON, b"a" * 50), (NOON, b"b" * 50), (NOON, b"c" * 10)])
    found = Found(np.arange(3), np.array([True, False, True]), np.zeros(3, np.bool_), 2)
    buffer, lost = PayloadBuffer(50), dict[str, int]()
    buffer.take(octets, batch, 0, 3, found, BLOCKS, lost)
    assert rows_of(buffer) == [0, 1]
    assert (buffer.payloads, buffer.new_payloads, lost) == (5, 3, {"C/24": 1})


def test_with_too_little_disk_nothing_is_kept_and_all_is_counted_by_block() -> None:
    octets, batch = batch_of([(NOON, b"abc")] * 3)
    buffer, lost = PayloadBuffer(1 << 30), {"C/24": 5}
    buffer.storing = False
    buffer.take(octets, batch, 0, 3, all_uncached(3), BLOCKS, lost)
    assert rows_of(buffer) == []
    assert lost == {"C/24": 7, "D/8": 1}


def test_a_payload_that_would_lie_outside_its_buffer_is_refused() -> None:
    octets, batch = batch_of([(NOON, b"abc")])
    batch.payload_length[0] = 4000
    with pytest.raises(ValueError, match="lies outside"):
        PayloadBuffer(1 << 30).take(octets, batch, 0, 1, all_uncached(1), BLOCKS, {})
