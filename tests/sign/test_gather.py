"""Gathered octets equal slices of the buffer, and nothing outside of it is read."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.records import packet_batch
from ims.sign.gather import gather_frames, gather_payloads

RANGES = st.lists(st.tuples(st.integers(-3, 60), st.integers(0, 40)), min_size=1, max_size=8)


@given(st.binary(max_size=50), RANGES, st.data())
def test_gathered_payloads_equal_slices_or_are_refused(content, ranges, data):
    octets = np.frombuffer(content, np.uint8)
    batch = packet_batch(len(ranges))
    batch.payload_offset[:] = [at for at, _ in ranges]
    batch.payload_length[:] = [n for _, n in ranges]
    rows = data.draw(st.lists(st.integers(0, len(ranges) - 1), max_size=8))
    wanted = [ranges[row] for row in rows]
    chosen = np.array(rows, np.int64)
    if any(at < 0 or at + n > len(content) for at, n in wanted):
        with pytest.raises(ValueError, match="lies outside"):
            gather_payloads(octets, batch, chosen)
        return
    gathered, offsets = gather_payloads(octets, batch, chosen)
    assert [gathered[a:b].tobytes() for a, b in pairwise(offsets)] == [content[at : at + n] for at, n in wanted]


def test_frames_of_raw_rows_begin_at_the_ip_header():
    octets = np.arange(100, dtype=np.uint8)
    batch = packet_batch(4)
    batch.raw[:] = [1, 0, 1, 1]
    batch.ip_offset[:] = [0, 20, 50, 90]
    batch.ip_captured[:] = [5, 20, 30, 10]
    rows, data, offsets = gather_frames(octets, batch, 1, 4)
    assert rows.tolist() == [2, 3]
    assert offsets.tolist() == [0, 30, 40]
    assert data.tolist() == [*range(50, 80), *range(90, 100)]


@pytest.mark.parametrize(("at", "n"), [(0, 101), (-1, 5), (100, 1), (2**62, 2**62), (5, -1)])
def test_a_frame_outside_the_buffer_is_refused(at, n):
    batch = packet_batch(1)
    batch.raw[0], batch.ip_offset[0], batch.ip_captured[0] = 1, at, n
    with pytest.raises(ValueError, match="the packet of row 0 lies outside the 100 octets"):
        gather_frames(np.zeros(100, np.uint8), batch, 0, 1)
