"""docs/sensor.md runs as printed on a Debian that boots systemd."""

from __future__ import annotations

from .deployment import Trial
from .exposure import measured, printed


def test_a_live_sensor(day: Trial) -> None:
    assert "C/24" in day.printed("ims query coverage")
    assert day["sensor-a"].run("find /var/lib/ims ! -user ims") == ""


def test_the_unit_is_as_closed_as_the_page_says(day: Trial) -> None:
    assert printed("sensor.md") == [measured(day["sensor-a"], "ims-sensor")]


def test_a_reload_of_a_broken_file_fails_and_the_sensor_goes_on(day: Trial) -> None:
    sensor = day["sensor-a"]
    settings = sensor.path("/etc/ims/sensor.toml").read_text()
    sensor.write("/etc/ims/sensor.toml", settings.replace("prefix", "prefiks"))
    said = sensor.run("systemctl reload ims-sensor && exit 9; journalctl --no-pager -u ims-sensor | tail -n 20")
    assert "prefiks" in said
    assert "prefix" in said
    sensor.write("/etc/ims/sensor.toml", settings)
    sensor.run("systemctl reload ims-sensor; systemctl is-active ims-sensor")


def test_what_systemd_has_not_read_is_read_at_the_next_installation(day: Trial) -> None:
    """After one that was killed when it had written the unit."""
    sensor = day["sensor-a"]
    unit = "/etc/systemd/system/ims-sensor.service"
    shipped = sensor.path(unit).read_text()
    sensor.write(unit, shipped + "# of an earlier version\n")
    sensor.run("systemctl daemon-reload")
    sensor.write(unit, shipped)
    assert sensor.run("ims install-service sensor").splitlines()[0] == "have systemd read its units again"
    assert sensor.run("ims install-service sensor") == "nothing was to be done"
