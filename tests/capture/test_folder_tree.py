"""A tree of folders: which files are in it, what of it is passed over and said once, and what the kernel tells of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.capture.folder_tree import MOST_TOLD, FolderTree

PATIENCE = 60
"""seconds after which an event is taken not to come"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def tree(folder: Path, said: list[str]) -> Iterator[FolderTree]:
    made = FolderTree(folder, said.append)
    yield made
    made.stop()


def put(path: Path, age: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, ns=(10**18 - age, 10**18 - age))
    return path


def test_files_come_oldest_first_from_all_folders_and_by_name_where_as_old(tree: FolderTree, folder: Path) -> None:
    files = [
        put(folder / name, age) for name, age in (("z", 9), ("a/b/deep", 8), ("a/first", 5), ("second", 5), ("b", 1))
    ]
    assert tree.files(folder) == files
    assert tree.files(folder / "a") == [files[1], files[2]]
    assert tree.files(folder / "z") == [files[0]]
    assert tree.files(folder / "absent") == []


def test_what_begins_with_a_dot_is_hidden_and_all_below_it(tree: FolderTree, folder: Path) -> None:
    hidden = [put(folder / name, 1) for name in (".a", ".b/c", "d/.e", "d/.f/g/h")]
    shown = put(folder / "d" / "i.j", 1)
    assert [tree.hidden(path) for path in (*hidden, shown, folder)] == [True] * 4 + [False] * 2
    assert tree.files(folder) == [shown]
    assert all(tree.files(path) == [] for path in hidden)


def test_what_is_no_file_is_passed_over_and_said_once(tree: FolderTree, folder: Path, said: list[str]) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "nowhere").symlink_to("absent")
    (folder / "round").symlink_to(folder)
    linked = folder / "linked"
    linked.symlink_to(put(folder / "target", 1))
    for _ in range(2):
        assert set(tree.files(folder)) == {linked, folder / "target"}
    assert tree.files(folder / "round") == []
    assert sorted(said) == [
        f"{folder / 'nowhere'} is passed over: it is a link that leads nowhere",
        f"{folder / 'pipe'} is passed over: it is no regular file",
        f"{folder / 'round'} is a link to a folder, which is not followed; watch that folder itself",
    ]


def test_what_can_be_said_has_an_end(tree: FolderTree, said: list[str]) -> None:
    for number in range(MOST_TOLD + 50):
        tree.tell(f"line {number}")
    assert said == [f"line {number}" for number in range(MOST_TOLD)]


def test_a_place_that_cannot_be_read_is_said_and_one_that_is_gone_is_not(tree: FolderTree, said: list[str]) -> None:
    tree.unreadable(PermissionError(13, "Permission denied", "/closed"))
    tree.unreadable(FileNotFoundError(2, "No such file or directory", "/gone"))
    tree.unreadable(NotADirectoryError(20, "Not a directory", "/gone/too"))
    assert said == ["/closed is passed over: Permission denied"]


def test_a_writer_that_closes_and_a_name_that_comes_are_told(tree: FolderTree, folder: Path, tmp_path: Path) -> None:
    (folder / "written").write_bytes(b"x")
    assert tree.events.finished.get(timeout=PATIENCE) == folder / "written"
    (folder / "written").rename(folder / "renamed")
    assert tree.events.finished.get(timeout=PATIENCE) == folder / "renamed"
    (folder / "renamed").rename(tmp_path / "out")
    (tmp_path / "out").rename(folder / "back")
    assert tree.events.finished.get(timeout=PATIENCE) == folder / "back"


def test_folders_and_links_that_come_are_places_to_look_at(tree: FolderTree, folder: Path, tmp_path: Path) -> None:
    (folder / "made").mkdir()
    assert tree.events.places.get(timeout=PATIENCE) == (folder / "made", False)
    (folder / "link").symlink_to("/dev/null")
    assert tree.events.places.get(timeout=PATIENCE) == (folder / "link", False)
    (tmp_path / "from outside").mkdir()
    (tmp_path / "from outside").rename(folder / "moved")
    assert tree.events.places.get(timeout=PATIENCE) == (folder / "moved", True)  # which inotify doesn't know yet


def test_a_folder_that_is_replaced_is_said_and_one_that_is_removed_too(
    tree: FolderTree, folder: Path, said: list[str]
) -> None:
    assert not tree.is_gone() and said == []
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    assert not tree.is_gone()
    assert tree.events.places.get(timeout=PATIENCE) == (folder, False)
    (folder / "new").write_bytes(b"x")
    assert tree.events.finished.get(timeout=PATIENCE) == folder / "new"
    (folder / "new").unlink()
    folder.rmdir()
    assert tree.is_gone()
    assert [line.removeprefix(str(folder)).split(";")[0] for line in said] == [
        " was replaced by another folder of its name, which is watched now",
        " is gone: it was removed or renamed",
    ]


def test_a_folder_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FolderTree(tmp_path / "absent", print)
