"""The Internet checksum against plain Python, and against the reads it is made of."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.packet.checksum import expected_field, fold, ones_sum, pseudo_header
from ims.packet.octets import be16, be32, le16, le32, le64_proven


def plain_sum(octets: bytes) -> int:
    padded = octets + b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def array(octets: bytes) -> np.ndarray:
    return np.frombuffer(octets or b"\0", np.uint8).copy()[: len(octets)]


@given(st.binary(max_size=200), st.integers(0, 50), st.integers(0, 200))
def test_sums_of_any_part(octets: bytes, at: int, length: int) -> None:
    found = int(ones_sum(array(octets), at, length))
    assert found == (plain_sum(octets[at : at + length]) if at + length <= len(octets) else -1)


@pytest.mark.parametrize("octets", [b"", b"\0" * 40, b"\xff" * 65_535, b"\xff\xff" * 9, b"\x00\x01" * 20_000])
def test_sums_at_the_edges(octets: bytes) -> None:
    assert ones_sum(array(octets), 0, len(octets)) == plain_sum(octets)


@pytest.mark.parametrize(("at", "length"), [(-1, 4), (0, -1), (2**62, 2**62), (0, 11), (11, 0), (10, 1)])
def test_what_lies_outside_isn_t_read(at: int, length: int) -> None:
    assert ones_sum(np.zeros(10, np.uint8), at, length) == -1


@given(st.binary(min_size=2, max_size=60).filter(any), st.integers(0, 58))
def test_the_field_expected_makes_the_sum_all_ones(octets: bytes, at: int) -> None:
    at = min(at, len(octets) - 2) // 2 * 2
    field = int.from_bytes(octets[at : at + 2])
    expected = int(expected_field(plain_sum(octets), field))
    assert 0 <= expected < 0xFFFF
    mended = octets[:at] + expected.to_bytes(2) + octets[at + 2 :]
    if any(mended):
        assert plain_sum(mended) == 0xFFFF


def test_the_example_of_rfc_1071() -> None:
    octets = bytes.fromhex("0001f203f4f5f6f7")
    assert ones_sum(array(octets), 0, 8) == 0xDDF2


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 255), st.integers(0, 65_535))
def test_the_pseudo_header(source: int, destination: int, protocol: int, length: int) -> None:
    octets = struct.pack(">IIHH", source, destination, protocol, length)
    assert fold(int(pseudo_header(source, destination, protocol, length))) == plain_sum(octets)


@given(st.binary(min_size=8, max_size=20), st.integers(0, 12))
def test_numbers_at_any_offset(octets: bytes, at: int) -> None:
    at = min(at, len(octets) - 8)
    some = array(octets)
    assert be16(some, at) == int.from_bytes(octets[at : at + 2], "big")
    assert be32(some, at) == int.from_bytes(octets[at : at + 4], "big")
    assert le16(some, at) == int.from_bytes(octets[at : at + 2], "little")
    assert le32(some, at) == int.from_bytes(octets[at : at + 4], "little")
    assert int(le64_proven(some, at)) == int.from_bytes(octets[at : at + 8], "little")


@pytest.mark.parametrize("read", [be16, be32, le16, le32])
def test_checked_reads_raise_instead_of_reading_beyond(read: object) -> None:
    with pytest.raises(IndexError):
        read(np.zeros(3, np.uint8), 2)  # type: ignore[operator]
