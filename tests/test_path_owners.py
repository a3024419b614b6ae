"""A path is walked folder by folder: whose each is, and nothing is given away by a link that another could put there."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import random
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.path_owners import MOST_LINKS, give_new_folder, is_roots, steps_to

from .process.conftest import OTHER, USER, give

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away; CI is root")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of root's; in it `own` of a user's."""
    folder = Path(tempfile.mkdtemp(prefix="ims-owners-"))
    (folder / "own").mkdir()
    give(folder / "own", USER)
    yield folder
    shutil.rmtree(folder)


def test_any_way_through_folders_and_links_ends_where_realpath_says(tmp_path: Path) -> None:
    choose = random.Random(7)
    folders = [tmp_path]
    for n in range(12):
        folders.append(choose.choice(folders) / f"d{n}")
        folders[-1].mkdir()
    places = list(folders)
    for n in range(20):
        link, target = choose.choice(folders) / f"l{n}", choose.choice(places)
        link.symlink_to(target if n % 2 else os.path.relpath(target, link.parent))
        places.append(link)
    for _ in range(100):
        path = choose.choice(places) / choose.choice(["", ".", "..", "d1", "l2", "new", "../new"])
        *_, last = steps_to(path)
        whole = Path(os.path.realpath(path))
        assert last.path == (whole if whole.exists() else whole.parent), path
        assert os.path.samestat(last.status, last.path.lstat())


def test_each_link_is_a_step_and_links_without_end_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "l0").mkdir()
    for n in range(1, MOST_LINKS + 2):
        (tmp_path / f"l{n}").symlink_to(f"l{n - 1}")
    links = [step.path.name for step in steps_to(tmp_path / f"l{MOST_LINKS}") if step.path.is_symlink()]
    assert links == [f"l{n}" for n in range(MOST_LINKS, 0, -1)]
    (tmp_path / f"l{MOST_LINKS}").stat()  # the kernel goes as far, and no further
    for walked in (steps_to, Path.stat):
        with pytest.raises(OSError, match="Too many levels"):
            walked(tmp_path / f"l{MOST_LINKS + 1}")


@as_root
def test_a_way_is_root_s_only_where_each_step_is(place: Path) -> None:
    (place / "own" / "of root").mkdir()
    (place / "link").symlink_to("own")
    (place / "file").touch()
    assert is_roots(place / "file")
    assert is_roots(place / "new" / "newer")
    give(place / "file", USER)
    for path in ("file", "own", "own/of root", "own/../new", "link", "link/of root"):
        assert not is_roots(place / path), path


@as_root
def test_what_is_missing_above_is_root_s_and_what_is_not_empty_stays(place: Path) -> None:
    user = pwd.getpwnam(OTHER)
    give_new_folder(place / "a" / "b" / "STORE", user.pw_uid, user.pw_gid)
    assert [(place / path).stat().st_uid for path in ("a", "a/b", "a/b/STORE")] == [0, 0, user.pw_uid]
    assert (place / "a" / "b" / "STORE").stat().st_gid == user.pw_gid
    give_new_folder(place / "a", user.pw_uid, user.pw_gid)
    assert (place / "a").stat().st_uid == 0


@as_root
def test_another_s_link_is_refused_and_a_file_on_the_way_is_named(place: Path) -> None:
    link = place / "own" / "link"
    link.symlink_to(place)
    give(link, USER)
    with pytest.raises(ValueError, match=f"{link} is a link of user {pwd.getpwnam(USER).pw_uid};"):
        give_new_folder(link / "STORE", 1, 1)
    (place / "file").touch()
    with pytest.raises(NotADirectoryError) as said:
        give_new_folder(place / "file" / "STORE", 1, 1)
    assert said.value.filename == str(place / "file")
    assert sorted(path.name for path in place.iterdir()) == ["file", "own"]


@as_root
def test_a_link_that_is_swapped_in_while_a_store_is_made_gives_nothing_away(place: Path) -> None:
    secret, swapped = place / "secret", place / "own" / "STORE"
    secret.mkdir(mode=0o700)
    user, stopping = pwd.getpwnam(OTHER), threading.Event()
    swapped.mkdir()
    link, aside = place / "own" / "link", place / "own" / "aside"
    link.symlink_to(secret)
    give(link, USER)

    def swap() -> None:
        moves = [(swapped, aside), (link, swapped), (swapped, link), (aside, swapped)]
        for before, after in itertools.cycle(moves):
            if stopping.is_set():
                break
            with contextlib.suppress(OSError):  # a folder was made there meanwhile
                before.rename(after)

    swapping = threading.Thread(target=swap)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        swapping.start()
        for _ in range(2_000):
            with contextlib.suppress(OSError, ValueError):
                give_new_folder(swapped, user.pw_uid, user.pw_gid)
    finally:
        sys.setswitchinterval(interval)
        stopping.set()
        swapping.join()
    assert secret.stat().st_uid == 0
