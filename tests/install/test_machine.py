"""A system's users come from its own files, and what its programs say is one line."""

from __future__ import annotations

import grp
import pwd
import subprocess
from pathlib import Path

import pytest

from ims.install.machine import Account, Machine

from .. import forked
from .image import Image


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs in which no other is found."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setattr("ims.install.machine.TOOLS", (str(folder),))
    monkeypatch.setenv("PATH", "")
    return folder


def test_an_image_s_users_and_groups_are_those_of_its_files(image: Image) -> None:
    with (image.folder / "etc" / "group").open("a") as file:
        file.write("ims:x:777:somebody,other\nhalf:x:778\n\n")
    machine = Machine(image.folder)
    assert (machine.is_this, machine.runs_systemd) == (False, False)
    assert machine.user("somebody") == Account(1000, 1000)
    assert (machine.group("ims"), machine.members("ims"), machine.members("somebody")) == (
        777, ["somebody", "other"], [],
    )  # fmt: skip
    assert (machine.user("ims"), machine.group("half"), machine.members("none")) == (None, None, [])
    assert machine.where("/etc/ims") == image.folder / "etc" / "ims"


def test_this_machine_s_are_what_it_asks_for() -> None:
    machine = Machine()
    for user in pwd.getpwall():
        assert machine.user(user.pw_name) == Account(user.pw_uid, user.pw_gid)
    for group in grp.getgrall():
        assert (machine.group(group.gr_name), machine.members(group.gr_name)) == (group.gr_gid, group.gr_mem)
    assert (machine.user("nobody at all"), machine.group("nobody at all")) == (None, None)
    assert machine.where("/etc/passwd") == Path("/etc/passwd")


def test_a_program_that_fails_is_one_line_with_what_it_said(programs: Path) -> None:
    program(programs, "useradd", 'echo "useradd: no"; echo " room  left" >&2; echo here >&2; exit 4')
    program(programs, "groupadd", "exit 9")
    with pytest.raises(OSError, match=r"^useradd --system x: room left here$"):
        Machine().run(["useradd", "--system", "x"])
    with pytest.raises(OSError, match=r"^groupadd x: it ended with status 9$"):
        Machine().run(["groupadd", "x"])


@pytest.mark.parametrize(("name", "package"), [("usermod", "passwd"), ("systemctl", "systemd")])
def test_a_program_that_is_missing_is_named_with_its_package(programs: Path, name: str, package: str) -> None:
    with pytest.raises(OSError, match=f"^{name} is missing; on Debian: apt-get install {package}$"):
        Machine().run([name])


def test_users_of_an_image_are_changed_in_its_files_alone(programs: Path, image: Image) -> None:
    program(programs, "usermod", f'echo "$@" > {programs}/said')
    Machine(image.folder).change_users(["usermod", "--append", "x"])
    assert (programs / "said").read_text() == f"--prefix {image.folder} --append x\n"
    Machine().change_users(["usermod", "--append", "x"])
    assert (programs / "said").read_text() == "--append x\n"


@pytest.mark.parametrize(
    ("script", "needed"), [("echo no; echo yes", True), ("echo no; echo no", False), ("exit 1", True), (None, True)]
)
def test_units_are_read_again_where_one_differs_or_nobody_says(
    programs: Path, script: str | None, needed: bool
) -> None:
    if script is not None:
        program(programs, "systemctl", script)
    assert Machine().reload_needed(["ims-sensor.service", "ims-ship.service"]) is needed


def test_a_folder_without_a_system_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [forked.ims(), "install-service", "sensor", "--root", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"ims: {tmp_path} holds no system: expected a folder with etc/passwd and etc/group\n"
