"""Room is kept while there is plenty, and given back where there is none."""

import pytest

from ims.store.reserve import RESERVE, ROOM, Reserve
from tests.store.full_disk import small_disk


@pytest.mark.parametrize("blocks", [ROOM - 1, ROOM + 1])
def test_it_is_taken_where_there_is_room_and_given_back_on_a_full_disk(tmp_path, blocks):
    with small_disk(tmp_path / "disk", blocks * RESERVE) as mounted:
        if not mounted:
            pytest.skip("file systems can't be mounted here; CI is root")
        disk = tmp_path / "disk"
        reserve = Reserve(disk)
        reserve.take()
        assert (disk / "reserve").exists() == (blocks > ROOM)
        reserve.give_back()
        assert (disk / "reserve").exists() == (blocks > ROOM)  # there is room besides
        with (disk / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while file.write(bytes(4096)) == 4096:
                pass
            file.write(b"x")
        reserve.give_back()
        assert not (disk / "reserve").exists()
        reserve.take()
        assert not (disk / "reserve").exists()


def test_what_can_not_be_kept_is_done_without(tmp_path):
    reserve = Reserve(tmp_path / "none")
    reserve.take()
    reserve.give_back()
