"""A file is there whole, with its owner and mode, or not at all, whoever puts what in its way."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ims.install.machine import Machine
from ims.install.place import parent_of, write
from ims.install.service import SERVICES

from ..store.full_disk import small_disk
from .image import AS_ROOT, UNITS, Image

pytestmark = AS_ROOT


KILLED = """
import os, stat, sys
import ims.cli
give = os.fchown
def killed(file, *owner):
    if stat.S_ISREG(os.fstat(file).st_mode):
        os._exit(9)
    give(file, *owner)
os.fchown = killed
ims.cli.main()
"""
"""Dies when its first file is written, and is not yet its group's."""


def test_an_installation_that_was_killed_leaves_no_half_written_file(image: Image) -> None:
    for half in ("etc/ims/sensor.toml", f"{UNITS}/ims-sensor.service"):
        words = [sys.executable, "-c", KILLED, "install-service", "sensor", "--root", image.folder]
        assert subprocess.run(words, capture_output=True, check=False).returncode == 9
        assert not (image.folder / half).exists()
        (image.folder / "etc/ims/sensor.toml").touch()  # an operator's, so that the unit is the first file next time
    (image.folder / "etc/ims/sensor.toml").unlink()
    image.lines("sensor")
    assert image.entry("etc/ims/sensor.toml") == ("root:ims", 0o640)
    assert image.entry(f"{UNITS}/ims-sensor.service") == ("root:root", 0o644)
    assert list(image.folder.rglob("*.new")) == []


def test_settings_that_somebody_wrote_meanwhile_stay(image: Image) -> None:
    image.lines("sensor")
    machine, settings = Machine(image.folder), SERVICES["sensor"].settings[0]
    (image.folder / "etc/ims/sensor.toml").write_text("# mine\n")
    with pytest.raises(FileExistsError):
        settings.do(machine)
    assert (image.folder / "etc/ims/sensor.toml").read_text() == "# mine\n"
    assert list(image.folder.rglob("*.new")) == []


def test_a_full_disk_is_named_and_an_installation_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 200 << 10) as mounted:
        if not mounted:
            pytest.skip("file systems can't be mounted here; CI is root")
        image = Image(tmp_path / "disk" / "image")
        for name in ("sensor", "ship"):
            group = image.install(name)  # users and groups, whose files are copied when they change
            assert group.returncode == 0, group.stderr
        (image.folder / UNITS / "ims-sensor.service").unlink()
        filler = tmp_path / "disk" / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        done = image.install("sensor")
        assert done.returncode == 2
        assert done.stderr == "ims: /etc/systemd/system/ims-sensor.service: No space left on device\n"
        assert sorted(path.name for path in (image.folder / UNITS).iterdir()) == ["ims-ship.service"]
        filler.unlink()
        assert image.lines("sensor")[0] == "write the unit /etc/systemd/system/ims-sensor.service"


def own() -> tuple[int, int]:
    return os.getuid(), os.getgid()


def test_what_is_written_has_its_content_owner_and_mode_whatever_the_umask(image: Image) -> None:
    before = os.umask(0o777)
    try:
        write(Machine(image.folder), "/etc/ims/deep/a.toml", "name = '\u20ac'\n", 0o640, (12, 34), over=False)
    finally:
        os.umask(before)
    file = image.folder / "etc/ims/deep/a.toml"
    status = file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (12, 34, 0o640)
    assert file.read_bytes() == "name = '\u20ac'\n".encode()


def test_only_over_replaces_what_is_there(image: Image) -> None:
    machine, file = Machine(image.folder), image.folder / "etc" / "a"
    file.write_text("mine")
    with pytest.raises(FileExistsError):
        write(machine, "/etc/a", "ours", 0o600, own(), over=False)
    assert file.read_text() == "mine"
    write(machine, "/etc/a", "ours", 0o600, own(), over=True)
    assert file.read_text() == "ours"
    assert sorted(path.name for path in file.parent.iterdir()) == ["a", "group", "passwd"]


def test_no_link_is_followed_neither_on_the_way_nor_at_the_end_nor_beside_it(image: Image) -> None:
    machine, etc = Machine(image.folder), image.folder / "etc"
    outside = image.folder.parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs")
    (etc / "way").symlink_to(outside)
    with pytest.raises(ValueError, match="etc/way is a link, or no folder: make /etc/way/file yourself"):
        write(machine, "/etc/way/file", "ours", 0o600, own(), over=True)
    for name in ("end", ".end.new"):
        (etc / name).symlink_to(outside / "file")
    with pytest.raises(FileExistsError):
        write(machine, "/etc/end", "ours", 0o600, own(), over=False)
    (etc / ".end.new").symlink_to(outside / "file")  # as who waits for it would
    write(machine, "/etc/end", "ours", 0o600, own(), over=True)
    assert (outside / "file").read_text() == "theirs"
    assert (etc / "end").read_text() == "ours"
    assert not (etc / "end").is_symlink()


def test_a_file_on_the_way_is_named_and_left(image: Image) -> None:
    with (
        pytest.raises(ValueError, match="etc/passwd is a link, or no folder"),
        parent_of(Machine(image.folder), "/etc/passwd/x"),
    ):
        pass
    assert (image.folder / "etc/passwd").read_text().startswith("root:")
