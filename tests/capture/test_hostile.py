"""Octets that somebody made up: a capture's reader refuses them in one line, or gives frames that lie in the buffer."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..effort import every, examples
from ..stores import needs_captures
from . import writers as w
from .hostile import NUMBERS, blocks, numbers_and_octets
from .test_pcap import FORMS, every_form
from .test_pcapng import both_orders
from .writers import captures, pcap_header, read

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
