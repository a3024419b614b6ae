"""A service's unit is taken away; data, settings and users stay, and are named."""

from __future__ import annotations

from ims.install.machine import Machine
from ims.install.removal import Stop, Unlink, steps_back
from ims.install.service import chosen

from .image import AS_ROOT, UNITS, Image

pytestmark = AS_ROOT


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
    assert image.lines("sensor", "--uninstall") == ["nothing to do", left]


def test_a_unit_is_stopped_before_its_file_goes_and_systemd_is_told_at_the_end() -> None:
    steps = list(steps_back(chosen(["sensor", "ship"])))
    said = [getattr(step, "unit", None) or getattr(step, "path", None) or step.units for step in steps]  # type: ignore[attr-defined]
    assert said == [
        "ims-sensor.service",
        "/etc/systemd/system/multi-user.target.wants/ims-sensor.service",
        "/etc/systemd/system/ims-sensor.service",
        "ims-ship.service",
        "/etc/systemd/system/multi-user.target.wants/ims-ship.service",
        "/etc/systemd/system/ims-ship.service",
        ("ims-sensor.service", "ims-ship.service"),
    ]


def test_a_link_to_nothing_is_removed_and_what_a_link_leads_to_stays(image: Image) -> None:
    machine, folder = Machine(image.folder), image.folder / "etc"
    (folder / "file").write_text("stays")
    for name, target in (("broken", "nothing"), ("link", "file")):
        (folder / name).symlink_to(target)
        step = Unlink(f"/etc/{name}")
        assert step.due(machine) == f"remove /etc/{name}"
        step.do(machine)
        step.do(machine)  # systemctl disable was faster
        assert step.due(machine) is None
    assert machine.units_differ
    assert (folder / "file").read_text() == "stays"


def test_in_an_image_nothing_runs_that_is_to_be_stopped(image: Image) -> None:
    unit = image.folder / UNITS / "ims-sensor.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    assert Stop(unit.name).due(Machine(image.folder)) is None
