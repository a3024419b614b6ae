"""A manifest's head says how far it had come, or nothing; never what wasn't written."""

import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.store.head import BLOCK, FILE, Head, HeadFile, read_head

from .full_disk import files_end_at

HEADS = st.builds(Head, st.integers(0, 2**40), st.integers(0, 2**63), st.integers(0, 2**32 - 1))


@given(st.lists(HEADS, min_size=1, max_size=5))
def test_the_last_head_that_was_written_is_read_in_one_block(tmp_path_factory, heads):
    folder = tmp_path_factory.mktemp("heads")
    written = HeadFile(folder)
    for head in heads:
        written.write(head)
        assert read_head(folder) == head
        assert (folder / FILE).stat().st_size == BLOCK
    written.close()
    written.close()
    again = HeadFile(folder)
    again.write(heads[0])
    again.close()
    assert read_head(folder) == heads[0]


def test_it_is_a_checksum_by_zlib_and_a_line_of_text(tmp_path):
    written = HeadFile(tmp_path)
    written.write(Head(3, 1234, 0xCAFE))
    written.close()
    block = (tmp_path / FILE).read_bytes()
    checksum, text = block.split()
    assert text == b"[3,1234,51966]"
    assert int(checksum, 16) == zlib.crc32(text)
    assert block.endswith(b" \n")


@given(st.integers(0, BLOCK - 1), st.integers(0, 7))
def test_with_any_changed_bit_it_says_the_same_or_nothing(tmp_path_factory, at, bit):
    folder = tmp_path_factory.getbasetemp() / "flipped_head"
    folder.mkdir(exist_ok=True)
    (folder / FILE).unlink(missing_ok=True)
    written = HeadFile(folder)
    written.write(Head(3, 1234, 0xCAFE))
    written.close()
    block = bytearray((folder / FILE).read_bytes())
    block[at] ^= 1 << bit
    (folder / FILE).write_bytes(block)
    assert read_head(folder) in (None, Head(3, 1234, 0xCAFE))


@given(st.binary(max_size=2 * BLOCK))
def test_any_octets_are_no_head(tmp_path_factory, octets):
    folder = tmp_path_factory.getbasetemp() / "hostile_head"
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(octets)
    assert read_head(folder) is None


@pytest.mark.parametrize(
    "text", [b"", b"[1,2]", b"[1,2,3,4]", b"7", b"null", b"{", b"\xff", b'["1","2","3"]', b"[1,2.5,3]", b"[-1,2,3]"]
)
def test_a_right_checksum_over_nonsense_is_none(tmp_path, text):
    (tmp_path / FILE).write_bytes((b"%08x %s" % (zlib.crc32(text), text)).ljust(BLOCK - 1) + b"\n")
    assert read_head(tmp_path) is None


def test_where_it_can_not_be_written_nothing_is_raised_and_the_older_one_is_right(tmp_path):
    written = HeadFile(tmp_path)
    with files_end_at(0):
        written.write(Head(1, 10, 1))
    assert read_head(tmp_path) is None
    written.write(Head(1, 20, 2))
    with files_end_at(0):
        written.write(Head(1, 30, 3))
    assert read_head(tmp_path) == Head(1, 20, 2)
    written.close()


def test_neither_a_link_nor_a_pipe_is_taken_for_one(tmp_path):
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(OSError):
        read_head(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / "other").write_bytes(b"mine")
    (tmp_path / FILE).symlink_to(tmp_path / "other")
    with pytest.raises(OSError):
        read_head(tmp_path)
    written = HeadFile(tmp_path)
    written.write(Head(1, 10, 1))
    written.close()
    assert (tmp_path / "other").read_bytes() == b"mine"
