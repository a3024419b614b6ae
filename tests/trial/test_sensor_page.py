"""docs/sensor.md runs as printed on a Debian that boots systemd."""

from __future__ import annotations

import json
import re

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
    assert sensor.run("ims install-service sensor") == "nothing to do\n"


def test_a_store_that_the_unit_may_not_write_to_is_found_and_the_doctor_s_lines_mend_it(day: Trial) -> None:
    """The unit of another name has the sensor's sandbox, and only checks what the sensor's start does."""
    sensor, file = day["sensor-a"], "/etc/ims/sensor.toml"
    settings = sensor.path(file).read_text()
    unit = sensor.path("/etc/systemd/system/ims-sensor.service").read_text()
    tried = re.sub(r"^(ExecStart=.*)$", r"\1 --check", unit, flags=re.MULTILINE).replace("Type=notify", "Type=oneshot")
    tried = re.sub(r"^(Restart|ExecReload)=.*$", "", tried, flags=re.MULTILINE)
    sensor.write("/etc/systemd/system/tried.service", tried)
    sensor.run("install -d -o ims -g ims -m 750 /srv/elsewhere; systemctl daemon-reload; systemctl start tried")
    sensor.write(
        file, re.sub(r"^metrics.*$", "", settings, flags=re.MULTILINE).replace("/var/lib/ims/store", "/srv/elsewhere")
    )

    def found() -> list[str]:
        said = sensor.run(f"ims doctor --config {file} --format json || true")
        findings = json.loads(said.strip().splitlines()[-1])
        return [each["remedy"] for each in findings if each["subject"] == "unit"]

    [remedy] = found()
    said = sensor.run("systemctl start tried && exit 9; journalctl --no-pager -u tried | tail -n 5")
    assert "/srv/elsewhere can't be written to" in said
    assert "Read-only file system" in said
    for name in ("tried", "ims-sensor"):  # where systemctl edit puts it
        sensor.write(f"/etc/systemd/system/{name}.service.d/override.conf", "\n".join(remedy.splitlines()[1:]) + "\n")
    assert found() == []
    sensor.run("systemctl daemon-reload; systemctl start tried")
    sensor.write(file, settings)
    sensor.run("rm -r /etc/systemd/system/{tried.service,{tried,ims-sensor}.service.d} /srv/elsewhere")
    sensor.run("systemctl daemon-reload; systemctl is-active ims-sensor")


def test_merging_of_segments_is_switched_off(day: Trial) -> None:
    day["sensor-a"].run("ethtool -K eth0 gro off")
    assert "generic-receive-offload: off" in day["sensor-a"].run("ethtool -k eth0")
