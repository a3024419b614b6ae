"""A spool takes so many bytes and no more, gives all of them back in order, and leaves no file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.api import spool
from ims.portal.api.spool import PIECE, Spool
from ims.query.errors import QuestionError


async def whole(spooled: Spool) -> list[bytes]:
    return [piece async for piece in spool.pieces(spooled)]


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(0, 400))
def test_what_fits_is_given_back_as_it_was_and_the_rest_is_refused(written: list[bytes], most: int) -> None:
    taken, total = b"", 0
    with Spool(most) as spooled:
        for piece in written:
            total += len(piece)
            if total <= most:
                assert spooled.write(piece) == len(piece)
                taken += piece
                assert spooled.size == len(taken)
            else:
                with pytest.raises(QuestionError, match=f"more than {most:,} bytes"):
                    spooled.write(piece)
                break
        assert b"".join(asyncio.run(whole(spooled))) == taken


def test_large_ones_come_in_bounded_pieces() -> None:
    octets = np.random.default_rng(1).bytes(2 * PIECE + 7)
    with Spool(len(octets)) as spooled:
        spooled.writelines([octets[:1000], octets[1000:]])
        found = asyncio.run(whole(spooled))
        assert max(map(len, found)) <= PIECE
        assert b"".join(found) == octets
        assert b"".join(asyncio.run(whole(spooled))) == octets, "from the beginning each time"


def test_it_counts_the_octets_of_columns_and_not_their_values() -> None:
    column = np.arange(10, dtype=np.int64)
    with Spool(80) as spooled:
        spooled.write(column)
        assert spooled.size == 80
        assert b"".join(asyncio.run(whole(spooled))) == column.tobytes()
        with pytest.raises(QuestionError):
            spooled.writelines([b"x"])


def test_it_has_no_name_and_its_room_is_free_once_it_is_closed(tmp_path: Path) -> None:
    with Spool(100, tmp_path) as spooled:
        spooled.write(b"x" * 100)
        spooled.flush()
        assert list(tmp_path.iterdir()) == []
        kept = os.fstat(spooled.fileno())
        assert (kept.st_nlink, kept.st_size, kept.st_dev) == (0, 100, tmp_path.stat().st_dev)
        descriptor = spooled.fileno()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Spool(100, tmp_path / "none")
