"""Octets that somebody made up, and what a walk through any octets promises."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import strategies as st

from ims.capture.pcapng_walk import LATEST_NS

from . import writers as w

NUMBERS = st.one_of(
    st.sampled_from(
        [0, 1, 11, 12, 15, 16, 28, 31, 32, 65_536, 262_144, 262_145, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]
    ),
    st.integers(0, 80),
    st.integers(0, 2**32 - 1),
)


@st.composite
def numbers_and_octets(draw, order):
    """Numbers as a parser meets them, and octets between them."""
    number = NUMBERS.map(lambda value: struct.pack(order + "I", value))
    return b"".join(draw(st.lists(st.one_of(number, number, number, st.binary(max_size=20)), max_size=40)))


@st.composite
def blocks(draw, order):
    """pcapng blocks of any content, most of them with lengths that are right."""
    octets = b""
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from([w.INTERFACE, *[w.OLD_PACKET, w.SIMPLE_PACKET, w.PACKET] * 2, w.STATISTICS, 99]))
        body = draw(st.one_of(numbers_and_octets(order), st.binary(max_size=60)))
        total = draw(st.one_of(st.none(), st.none(), st.none(), NUMBERS))
        octets += w.block(kind, body, order, total) if draw(st.integers(0, 9)) else w.section(order)
    return octets


def assert_walked(octets, begin, end, frames, count, result):
    """What a walk promises, of whatever octets."""
    assert 0 <= count <= frames.offset.size
    assert begin <= result[0] <= end
    for row in range(count):
        offset, captured = int(frames.offset[row]), int(frames.captured[row])
        assert begin <= offset <= offset + captured <= result[0]
        assert captured <= frames.length[row] < 2**32
        assert -LATEST_NS <= frames.time[row] <= LATEST_NS
    assert (np.diff(frames.offset[:count]) > 0).all()


def drawn_buffer(data, octets):
    """The octets among others, which are none of a walk's business."""
    before, after = data.draw(st.integers(0, 40)), data.draw(st.integers(0, 40))
    buffer = np.frombuffer(b"\xff" * before + octets + b"\xff" * after, np.uint8).copy()
    return buffer, before, before + len(octets)
