"""A user's own folder of compiled kernels: its real path, and what of other sources is removed from it, and when."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from ims.kernel_cache import KernelCache, Places
from ims.kernel_folder import DAY, UNUSED_DAYS, own_folder, private_folder, prune

NOW, OLD, OTHER = (f"kernels-{digit * 20}" for digit in "0ab")
LONG_AGO = (UNUSED_DAYS + 1) * DAY


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """~/.cache/ims"""
    monkeypatch.delenv("IMS_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "ims").mkdir(mode=0o700)
    return tmp_path / "ims"


def kernels(folder: Path, name: str, unused: float) -> Path:
    """A folder that was used so many seconds ago for the last time."""
    (folder / name / "ims.packet.checksum").mkdir(parents=True)
    (folder / name / "ims.packet.checksum" / "fold.nbi").write_bytes(b"x")
    used = time.time() - unused
    os.utime(folder / name, (used, used))
    return folder / name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_path_is_the_one_that_was_looked_at(tmp_path: Path) -> None:
    """Who changes a link afterwards leads nobody elsewhere."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert private_folder(tmp_path / "link" / "kernels") == tmp_path / "real" / "kernels"


def test_kernels_of_other_sources_are_removed_when_nobody_used_them_for_a_month(cache: Path) -> None:
    kernels(cache, OLD, LONG_AGO)
    kernels(cache, f"{OTHER}.gone", LONG_AGO)  # of one who was killed while he removed it
    kernels(cache, OTHER, LONG_AGO - 2 * DAY)
    assert own_folder(NOW) == cache / NOW
    assert names(cache) == [NOW, OTHER]


def test_what_is_used_is_touched_once_a_day(cache: Path) -> None:
    own, old = kernels(cache, NOW, DAY - 600), kernels(cache, OLD, LONG_AGO)
    before = own.stat().st_mtime
    own_folder(NOW)
    assert own.stat().st_mtime == before
    assert old.exists()
    os.utime(own, (before - DAY, before - DAY))
    own_folder(NOW)
    assert own.stat().st_mtime > before
    assert not old.exists()


def test_kernels_that_were_used_all_along_stay(cache: Path) -> None:
    """They are touched, however long ago they were made."""
    kernels(cache, NOW, LONG_AGO)
    own_folder(NOW)
    own_folder(OTHER)
    assert names(cache) == [NOW, OTHER]


@pytest.mark.parametrize("other", ["thesis", "kernels-mine", "kernels-of-before"])
def test_from_a_folder_that_holds_other_things_nothing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    chosen = tmp_path / "chosen"
    chosen.mkdir(mode=0o700)
    monkeypatch.setenv("IMS_CACHE_DIR", str(chosen))
    kernels(chosen, OLD, LONG_AGO)
    kernels(chosen, other, LONG_AGO)
    own_folder(NOW)
    assert names(chosen) == sorted([NOW, OLD, other])
    (chosen / other).rename(tmp_path / other)
    (chosen / OTHER).symlink_to(tmp_path / other)
    prune(chosen, chosen / NOW, time.time())
    assert names(chosen) == [NOW, OLD, OTHER]
    (chosen / OTHER).unlink()
    prune(chosen, chosen / NOW, time.time() - DAY)
    assert names(chosen) == [NOW]


def test_what_somebody_begins_to_use_while_it_is_removed_stays(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = kernels(cache, OLD, LONG_AGO)
    rename = Path.rename

    def used_meanwhile(source: Path, target: Path) -> Path:
        if source == old:
            os.utime(source)
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", used_meanwhile)
    own_folder(NOW)
    assert names(cache) == [NOW, OLD]
    assert (old / "ims.packet.checksum" / "fold.nbi").read_bytes() == b"x"


def test_several_may_remove_at_once(cache: Path) -> None:
    for number in range(200):
        kernels(cache, f"kernels-{number:020x}", LONG_AGO)
    begin, failed = threading.Barrier(4), []

    def one(number: int) -> None:
        begin.wait()
        try:
            own_folder(f"kernels-{number * 11 + 10_000:020x}")
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(names(cache)) == 4


def test_a_process_whose_folder_was_removed_keeps_what_it_compiles_next(cache: Path, tmp_path: Path) -> None:
    places = Places(NOW, system=tmp_path / "none")
    locator = KernelCache(own_folder, places)._folder(cache / NOW, os.geteuid())._impl.locator
    (cache / NOW).rmdir()
    locator.ensure_cache_path()
    assert (cache / NOW / own_folder.__module__).is_dir()
    assert (cache / NOW).stat().st_mode & 0o777 == 0o700
