"""Steps look first, do what is due, and leave what an operator made; they follow no link that a service could put there."""

from __future__ import annotations

import os

import pytest

from ims.install.machine import Machine
from ims.install.step import Folder

from .image import AS_ROOT, UNITS, Image

pytestmark = AS_ROOT


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
    assert image.lines("queryd") == ["nothing to do"]


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
