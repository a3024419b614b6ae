"""Octets that somebody made up: a capture's reader refuses them in one line, or gives frames that lie in the buffer."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.capture.pcap import empty_frames
from ims.capture.pcap_walk import walk_pcap
from ims.capture.pcapng_walk import FULL, LATEST_NS, NO_LINK, Interfaces, walk_pcapng

from ..effort import every, examples
from ..stores import needs_captures
from . import writers as w
from .test_pcap import FORMS, every_form
from .test_pcapng import both_orders
from .writers import captures, pcap_header, read

NUMBERS = st.one_of(
    st.sampled_from(
        [0, 1, 11, 12, 15, 16, 28, 31, 32, 65_536, 262_144, 262_145, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]
    ),
    st.integers(0, 80),
    st.integers(0, 2**32 - 1),
)
MAGICS = [struct.pack(order + "I", magic) for order, magic in FORMS] + [
    b"\x0a\x0d\x0d\x0a",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
]
CHUNKS = st.sampled_from([1, 30, 200, 1 << 16])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile") / "made"


def assert_bears(file, octets, chunk):
    """`read` asserts what every source promises of its frames; the only error is a ValueError of one line."""
    file.write_bytes(octets)
    try:
        warnings = read(file, chunk).warnings
    except ValueError as error:
        warnings = [str(error)]
        assert warnings != [""]
    assert all(warning.isprintable() for warning in warnings)


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


@given(octets=st.binary(max_size=200), magic=st.sampled_from([b"", *MAGICS]), chunk=CHUNKS)
def test_any_octets(file, octets, magic, chunk):
    assert_bears(file, magic + octets, chunk)


@every_form
@given(data=st.data(), chunk=CHUNKS)
def test_any_numbers_behind_a_pcap_header(file, order, magic, data, chunk):
    assert_bears(file, pcap_header(order, magic) + data.draw(numbers_and_octets(order)), chunk)


@both_orders
@given(data=st.data(), chunk=CHUNKS)
def test_any_blocks_behind_a_section_header(file, order, data, chunk):
    assert_bears(file, w.section(order) + w.interface(order) + data.draw(blocks(order)), chunk)


@needs_captures
@pytest.mark.parametrize("capture", every(4, captures(200_000)), ids=lambda path: path.name)
def test_a_real_capture_with_octets_changed(file, capture):
    whole = capture.read_bytes()

    @settings(max_examples=examples(25, 10))
    @given(data=st.data(), chunk=st.sampled_from([100, 1 << 16]))
    def change(data, chunk):
        begin = data.draw(st.integers(0, max(0, len(whole) - 4096)))
        octets = bytearray(whole[:24] + whole[24 + begin :][:4096] if data.draw(st.booleans()) else whole[:4096])
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, len(octets) - 1))
            new = data.draw(st.one_of(st.binary(min_size=1, max_size=4), NUMBERS.map(lambda it: struct.pack("<I", it))))
            octets[at : at + len(new)] = new
        assert_bears(file, bytes(octets), chunk)

    change()


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


@every_form
@given(data=st.data(), capacity=st.integers(1, 5))
def test_a_walk_through_pcap_stays_within_its_octets(order, magic, data, capacity):
    octets, begin, end = drawn_buffer(data, data.draw(numbers_and_octets(order)))
    frames, result = empty_frames(octets, capacity), np.zeros(3, np.int64)
    header = 24 if magic == w.MODIFIED else 16
    lengths = data.draw(st.integers(0, 2))
    count = walk_pcap(octets, begin, end, order == ">", header, 1, 1, frames, result, lengths)
    assert_walked(octets, begin, end, frames, count, result)
    assert (result[1] == FULL) <= (count == capacity)


@both_orders
@given(data=st.data(), capacity=st.integers(1, 5), known=st.integers(0, 3))
def test_a_walk_through_pcapng_stays_within_its_octets(order, data, capacity, known):
    octets, begin, end = drawn_buffer(data, data.draw(st.one_of(blocks(order), numbers_and_octets(order))))
    frames, result = empty_frames(octets, capacity), np.zeros(4, np.int64)
    each = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3)
    interfaces = Interfaces(
        np.array([1, 101, 113], np.uint16),
        np.array(data.draw(st.lists(NUMBERS, min_size=3, max_size=3)), np.int64),
        np.frombuffer(data.draw(st.binary(min_size=3, max_size=3)), np.uint8).copy(),
        np.array(data.draw(each), np.int64),
        np.zeros(3, np.int64),
    )
    largest = data.draw(st.sampled_from([12, 100, 1 << 20]))
    count = walk_pcapng(octets, begin, end, order == ">", interfaces, known, largest, frames, result)
    assert_walked(octets, begin, end, frames, count, result)
    assert set(frames.link[:count].tolist()) <= {*interfaces.link[:known].tolist(), NO_LINK}
