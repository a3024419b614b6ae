"""Numbers are read and written as Python's own int reads and writes them, at any offset, and nothing beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.packet import octets

READERS = [(octets.be16, 2, "big"), (octets.be32, 4, "big"), (octets.le16, 2, "little"), (octets.le32, 4, "little"),
           (octets.le64_proven, 8, "little")]  # fmt: skip
WRITERS = [(octets.put16, 2), (octets.put32, 4), (octets.put16_proven, 2), (octets.put32_proven, 4)]


@pytest.mark.parametrize(("read", "size", "order"), READERS)
@given(content=st.binary(min_size=8, max_size=24), data=st.data())
def test_a_number_is_what_python_reads(read: Any, size: int, order: Any, content: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(content) - size))
    found = read(np.frombuffer(content, np.uint8), at)
    assert int(found) == int.from_bytes(content[at : at + size], order)


@pytest.mark.parametrize(("read", "size", "order"), READERS)
def test_the_highest_number_is_no_negative_one(read: Any, size: int, order: str) -> None:
    assert int(read(np.full(size, 0xFF, np.uint8), 0)) == 256**size - 1


def test_sums_of_what_was_read_do_not_wrap() -> None:
    full = np.full(4, 0xFF, np.uint8)
    assert octets.be32(full, 0) + octets.le32(full, 0) == 2 * (2**32 - 1)


@pytest.mark.parametrize(("write", "size"), WRITERS)
@given(value=st.integers(0, 2**40), at=st.integers(0, 12))
def test_a_written_number_is_its_lowest_octets_in_network_order(write: Any, size: int, value: int, at: int) -> None:
    out = np.full(16, 0x55, np.uint8)
    write(out, at, np.int64(value))
    lowest = (value % 256**size).to_bytes(size, "big")
    assert out.tobytes() == b"\x55" * at + lowest + b"\x55" * (16 - at - size)


@given(st.binary(min_size=1, max_size=80), st.data())
def test_octets_are_copied_as_they_are_and_no_more_of_them(content: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(content)))
    at = data.draw(st.integers(0, len(content) - length))
    to = data.draw(st.integers(0, 20))
    out = np.full(to + length + 9, 0xEE, np.uint8)
    octets.copy_proven(np.frombuffer(content, np.uint8), at, length, out, to)
    assert out.tobytes() == b"\xee" * to + content[at : at + length] + b"\xee" * 9
