"""A lake in a directory: an object is there whole or not at all."""

from __future__ import annotations

import os

import pytest

from ims.lake.folder import ASIDE, Folder
from ims.lake.uri import open_place
from tests.store.full_disk import files_end_at


def left_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_nothing_is_made_before_the_first_writing(tmp_path):
    place = Folder(tmp_path / "lake")
    assert (place.names(), place.size("x")) == ([], None)
    place.remove("x")
    place.clear("x")
    assert list(tmp_path.iterdir()) == []
    place.write("a/b", b"1")
    assert left_in(tmp_path / "lake") == ["a/b"]


def test_readers_see_the_old_object_until_the_new_one_is_whole(tmp_path):
    place = Folder(tmp_path)
    place.write("a/x", b"old")
    seen = []

    def chunks():
        for chunk in (b"n", b"ew"):
            seen.append((place.read("a/x", 9), place.names("a")))
            yield chunk

    place.send("a/x", chunks())
    assert seen == [(b"old", ["a/x"])] * 2
    assert place.read("a/x", 9) == b"new"


@pytest.mark.parametrize("room", [0, 1, 4095])
def test_where_the_disk_has_no_room_the_old_object_stays_and_nothing_is_left_aside(tmp_path, room):
    place = Folder(tmp_path)
    place.write("x", b"")
    with files_end_at(room), pytest.raises(OSError, match=f"^{tmp_path}/x can't be written: "):
        place.send("x", [bytes(2048)] * 3)
    assert left_in(tmp_path) == ["x"]
    assert place.read("x", 9) == b""


def test_neither_a_link_nor_a_pipe_is_read(tmp_path):
    place = Folder(tmp_path)
    (tmp_path / "secret").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(OSError, match=f"^{tmp_path}/{name} can't be read: "):
            place.read(name, 9)
        with pytest.raises(OSError, match=f"^{tmp_path}/{name} can't be read: "):
            list(place.chunks(name))
    assert [place.size(name) for name in ("pipe", "folder")] == [None, None]


def test_folders_by_links_are_not_looked_into(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").touch()
    place = Folder(tmp_path / "lake")
    place.write("a/y", b"")
    (tmp_path / "lake" / "loop").symlink_to(tmp_path / "lake")
    (tmp_path / "lake" / "a" / "out").symlink_to(tmp_path / "other")
    assert place.names() == ["a/y"]


def test_an_empty_hour_s_folder_goes_with_its_last_object(tmp_path):
    place = Folder(tmp_path)
    place.write("a/hour=1/x", b"")
    place.write("a/hour=1/y", b"")
    place.remove("a/hour=1/x")
    assert (tmp_path / "a/hour=1").is_dir()
    place.remove("a/hour=1/y")
    assert not (tmp_path / "a/hour=1").exists()
    assert (tmp_path / ASIDE).is_dir()


def test_what_a_killed_writer_left_aside_is_cleared_by_name(tmp_path):
    place = open_place(tmp_path)
    place.write("packets/sensor=a/x", b"")
    aside = tmp_path / "_lake/aside"
    for name in ("packets~sensor=a~x.0123", "packets~sensor=ab~x.0123"):
        (aside / name).touch()
    place.clear("packets/sensor=a/")
    assert [path.name for path in aside.iterdir()] == ["packets~sensor=ab~x.0123"]
