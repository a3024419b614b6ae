"""`ims install-service` in an image's folder: users, folders, settings and units are made once, and changes stay."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from ims.install.machine import Machine
from ims.install.service import SERVICES
from ims.install.step import Folder
from ims.install.unit import installation, unit_text
from ims.portal.config import read_portal_config
from ims.portal.registry import Registry
from ims.queryd.config import read_queryd_config

from .. import forked
from ..store.full_disk import small_disk
from ..stores import needs_programs

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can install a service; CI is root"),
    needs_programs("useradd", "groupadd", "usermod"),
]
ALL = ("sensor", "queryd", "portal", "ship")
UNITS = "etc/systemd/system"


class Entry(NamedTuple):
    owner: str
    mode: int


class Image:
    """A system in a folder, as far as users are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "etc").mkdir(parents=True)
        (folder / "etc" / "passwd").write_text(
            "root:x:0:0:root:/root:/bin/bash\nsomebody:x:1000:1000::/home/s:/bin/sh\n"
        )
        (folder / "etc" / "group").write_text("root:x:0:\nsomebody:x:1000:\n")

    def install(self, *words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [*before, forked.ims(), "install-service", *words, "--root", self.folder]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def lines(self, *words: str) -> list[str]:
        done = self.install(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def numbers(self, file: str) -> dict[int, str]:
        lines = [line.split(":") for line in (self.folder / "etc" / file).read_text().splitlines()]
        return {int(fields[2]): fields[0] for fields in lines}

    def entry(self, path: str) -> Entry:
        status = (self.folder / path).lstat()
        user, group = self.numbers("passwd")[status.st_uid], self.numbers("group")[status.st_gid]
        return Entry(f"{user}:{group}", status.st_mode & 0o7777)

    def all_there_is(self) -> dict[str, tuple[int, int, int, bytes]]:
        found = {}
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (status.st_uid, status.st_gid, status.st_mode, content)
        return found


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path / "an image")


def test_users_folders_settings_and_units_are_made(image: Image) -> None:
    image.lines(*ALL)
    assert {"ims", "ims-query"} <= set(image.numbers("passwd").values())
    for user in ("ims", "ims-query"):
        [line] = [
            line for line in (image.folder / "etc/passwd").read_text().splitlines() if line.startswith(f"{user}:")
        ]
        assert image.numbers("group")[int(line.split(":")[3])] == "ims"
        assert line.endswith(":/nonexistent:/usr/sbin/nologin")
    assert {path: image.entry(path) for path in (
        "etc/ims", "etc/ims/tls", "etc/ims/https", "var/lib/ims", "var/lib/ims/store",
        "var/lib/ims-portal", "etc/ims/sensor.toml", "etc/ims/queryd.toml", "etc/ims/portal.toml",
        "etc/ims/registry.toml", "etc/ims/lake.env",
    )} == {
        "etc/ims": ("root:ims", 0o750), "etc/ims/tls": ("root:ims", 0o750), "etc/ims/https": ("root:ims", 0o750),
        "var/lib/ims": ("ims:ims", 0o750), "var/lib/ims/store": ("ims:ims", 0o750),
        "var/lib/ims-portal": ("ims:ims", 0o700),
        "etc/ims/sensor.toml": ("root:ims", 0o640), "etc/ims/queryd.toml": ("root:ims", 0o640),
        "etc/ims/portal.toml": ("root:ims", 0o640), "etc/ims/registry.toml": ("root:ims", 0o640),
        "etc/ims/lake.env": ("root:root", 0o600),
    }  # fmt: skip
    for name in ALL:
        unit = image.folder / UNITS / f"ims-{name}.service"
        assert unit.read_text() == unit_text(name, installation())
        assert image.entry(f"{UNITS}/{unit.name}") == ("root:root", 0o644)
        assert f"{installation()}/bin/ims" in unit.read_text()
    etc = image.folder / "etc/ims"
    assert tomllib.loads((etc / "sensor.toml").read_text())["store"] == "/var/lib/ims/store"
    assert str(read_queryd_config(etc / "queryd.toml").store) == "/var/lib/ims/store"
    assert str(read_portal_config(etc / "portal.toml").registry) == "/etc/ims/registry.toml"
    assert Registry(etc / "registry.toml").sensors() == ()  # `ims registry add` fills it


def test_a_unit_s_user_and_folders_are_those_of_the_table() -> None:
    for name, service in SERVICES.items():
        unit = unit_text(name, Path("/opt/ims"))
        assert f"\nUser={service.user}\nGroup=ims\n" in unit
        assert f"ExecStart=/opt/ims/bin/ims {name} " in unit
        for settings in service.settings:
            assert settings.path in unit or settings.path == "/etc/ims/registry.toml"  # the portal's settings name it


def test_a_dry_run_says_what_is_then_done_and_does_nothing(image: Image) -> None:
    before = image.all_there_is()
    planned = image.lines("portal", "sensor", "--dry-run")
    assert image.all_there_is() == before
    done = image.lines("sensor", "portal")
    assert planned == [f"would {line}" for line in done if ": see to " not in line]
    assert "sensor: see to /etc/ims/sensor.toml, then: systemctl enable --now ims-sensor" in done


def test_a_second_installation_does_nothing(image: Image) -> None:
    image.lines(*ALL)
    before = image.all_there_is()
    assert image.lines(*ALL) == ["nothing was to be done"]
    assert image.lines(*ALL, "--dry-run") == ["nothing was to be done"]
    assert image.all_there_is() == before


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


def test_what_an_operator_changed_stays_and_what_went_wrong_is_put_right(image: Image) -> None:
    image.lines("sensor", "queryd")
    settings = image.folder / "etc/ims/sensor.toml"
    settings.write_text("# mine\n")
    settings.chmod(0o600)
    drop_in = image.folder / UNITS / "ims-sensor.service.d" / "override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nMemoryMax=8G\n")
    (image.folder / UNITS / "ims-sensor.service").write_text("[Unit]\n")
    store = image.folder / "var/lib/ims/store"
    os.chown(store, 0, 0)
    assert image.lines("sensor") == [
        "give the folder /var/lib/ims/store its owner and mode (ims:ims, 0750; found 0:0, 0750)",
        "replace the unit /etc/systemd/system/ims-sensor.service",
        "sensor: see to /etc/ims/sensor.toml, then: systemctl enable --now ims-sensor",
    ]
    assert image.entry("var/lib/ims/store").owner == "ims:ims"
    assert (settings.read_text(), settings.stat().st_mode & 0o777) == ("# mine\n", 0o600)
    assert drop_in.is_file()


def test_a_user_who_is_there_is_put_into_the_group(image: Image) -> None:
    with (image.folder / "etc/passwd").open("a") as file:
        file.write("ims-query:x:800:1000::/:/bin/false\n")
    assert "put the user ims-query into the group ims" in image.lines("queryd")
    assert "ims-query" in (image.folder / "etc/group").read_text().partition("\nims:")[2].partition("\n")[0]
    assert image.lines("queryd") == ["nothing was to be done"]


def test_uninstalling_removes_units_and_names_what_it_leaves(image: Image) -> None:
    image.lines("sensor", "ship")
    wanted = image.folder / UNITS / "multi-user.target.wants"
    wanted.mkdir()
    (wanted / "ims-sensor.service").symlink_to("/etc/systemd/system/ims-sensor.service")
    [remove_link, remove_unit, left] = image.lines("sensor", "--uninstall")
    assert remove_link == "remove /etc/systemd/system/multi-user.target.wants/ims-sensor.service"
    assert remove_unit == "remove /etc/systemd/system/ims-sensor.service"
    assert left == ("left as they are: /etc/ims, /var/lib/ims, /var/lib/ims/store, /etc/ims/sensor.toml, the user ims")
    assert [path.name for path in (image.folder / UNITS).rglob("*.service")] == ["ims-ship.service"]
    assert (image.folder / "etc/ims/sensor.toml").is_file()
    assert image.entry("var/lib/ims/store").owner == "ims:ims"
    assert image.lines("sensor", "--uninstall") == ["nothing was to be done", left]


def test_a_link_in_the_sensor_s_folder_gives_it_nothing_of_the_system_s(image: Image) -> None:
    """The sensor's user can put one there: /var/lib/ims is its own."""
    image.lines("sensor")
    store, system = image.folder / "var/lib/ims/store", image.folder / "etc/systemd"
    store.rmdir()
    store.symlink_to(system)
    before = system.stat()
    assert image.lines("sensor", "ship")[0] == "write example settings to /etc/ims/lake.env (root:root, 0600)"
    with pytest.raises(ValueError, match=r"store is a link, or no folder: make /var/lib/ims/store/deeper yourself"):
        Folder("/var/lib/ims/store/deeper", "ims", "ims", 0o700).do(Machine(image.folder))
    with pytest.raises(OSError, match="store"):  # swapped between the look and the deed
        Folder("/var/lib/ims/store", "ims", "ims", 0o700).do(Machine(image.folder))
    assert (system.stat().st_uid, system.stat().st_mode) == (before.st_uid, before.st_mode)
    assert not (system / "deeper").exists()


@pytest.mark.parametrize(("names", "said"), [
    (["sensors"], "there is no service 'sensors'; expected sensor, queryd, portal or ship"),
    ([], "Missing argument 'SERVICE...'."),
])  # fmt: skip
def test_a_name_that_is_none_is_refused(image: Image, names: list[str], said: str) -> None:
    done = image.install(*names)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"ims: {said}\n")


AS_NOBODY = """
import contextlib, io, os, sys
import ims.cause, ims.cli, ims.query.shown
with contextlib.redirect_stdout(io.StringIO()):
    ims.cli.app([*sys.argv[1:], "--dry-run"], standalone_mode=False)
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
ims.cli.main()
"""
"""Imports first, by a dry run: Python may be in root's home."""


def test_only_root_installs_and_anybody_looks(image: Image) -> None:
    for folder in (image.folder, *image.folder.parents):
        if folder.owner() == "root" and folder.is_relative_to("/tmp"):  # pytest's own are 0700
            folder.chmod(folder.stat().st_mode | 0o055)
    before = image.all_there_is()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", AS_NOBODY, "install-service", *words, "--root", image.folder]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("sensor")
    assert done.returncode == 2
    assert done.stderr == "ims: only root can install a service: say it with sudo, or look with --dry-run\n"
    looked = run("sensor", "--dry-run")
    assert looked.returncode == 0
    assert "would make the user ims, of the group ims" in looked.stdout
    assert image.all_there_is() == before
    image.lines("sensor", "ship")
    looked = run("sensor", "ship", "--dry-run")
    assert looked.returncode == 0
    assert f"can't look at {image.folder}/etc/ims/sensor.toml: root is told more" in looked.stdout
    assert "would" not in looked.stdout


def test_a_folder_without_a_system_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [forked.ims(), "install-service", "sensor", "--root", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"ims: {tmp_path} holds no system: expected a folder with etc/passwd and etc/group\n"


def test_what_is_in_a_folder_s_or_a_unit_s_place_is_left_and_named(image: Image) -> None:
    image.lines("sensor")
    unit = image.folder / UNITS / "ims-sensor.service"
    unit.unlink()
    unit.symlink_to("/dev/null")
    done = image.install("sensor")
    assert done.returncode == 2
    assert done.stderr == (
        "ims: /etc/systemd/system/ims-sensor.service is a link to /dev/null: systemctl unmask ims-sensor.service, or "
        "remove it\n"
    )
    assert unit.is_symlink()
    store = image.folder / "var/lib/ims/store"
    store.rmdir()
    store.write_text("")
    done = image.install("sensor")
    assert done.stderr == "ims: /var/lib/ims/store is not a folder, and a service needs one there: move it away\n"
