"""docs/deploy.md runs as printed on Debian machines that boot systemd: from nothing to a question that two sensors answer."""

from __future__ import annotations

import json
import re
import shutil

from .deploy_page import UPGRADED, carry
from .deployment import SOURCES, Trial
from .exposure import measured, printed
from .machine import Machine

ACCOUNTS = "--accounts /var/lib/ims-portal/accounts.db"
SENSORS = 'curl -sS https://portal.example.net:8443/api/v1/sensors -H "Authorization: Bearer $(cat /root/token)"'


READING = """import json, sys
told = json.load(sys.stdin)
sensors = {{sensor["name"]: sensor for sensor in told["sensors"]}}
sys.exit(None if {} else json.dumps(told))
"""


def until_sensors(portal: Machine, expected: str) -> None:
    """Until an expression is true of what the portal says of its sensors, by name."""
    portal.write("/root/reading.py", READING.format(expected))
    portal.until(f"{SENSORS} | python3 reading.py", "systemctl is-active --quiet ims-portal")


def test_a_portal_and_its_sensors(deployed: Trial) -> None:
    said = deployed.printed("/api/v1/sensors")
    counted, end = json.JSONDecoder().raw_decode(said[said.index("{") :])
    states = json.loads(said[said.index("{") + end :])
    assert counted["answer"]["silent"] == {}
    assert set(counted["answer"]["sensors"]) == {"sensor-a", "sensor-b"}
    assert counted["rows"]["packets"] > 0
    assert {sensor["name"]: sensor["state"] for sensor in states["sensors"]} == dict.fromkeys(
        ("sensor-a", "sensor-b"), "answers"
    )


def test_the_units_are_as_closed_as_the_page_says(deployed: Trial) -> None:
    assert printed("deploy.md") == [
        measured(deployed["sensor-a"], "ims-queryd"),
        measured(deployed["portal"], "ims-portal"),
    ]


def test_what_runs_kernels_found_them_compiled(deployed: Trial) -> None:
    for name in ("sensor-a", "sensor-b", "portal"):
        assert deployed[name].run("find /var/cache/ims-* -type f") == "", name
    assert deployed["sensor-a"].run("find /var/cache/ims -name '*.nbi' -print -quit")


def test_the_doctor_finds_what_the_unit_s_user_can_t_use(deployed: Trial) -> None:
    """Root could: it is the unit that can't start."""
    sensor, key = deployed["sensor-a"], "/etc/ims/tls/sensor-a.key"
    sensor.run(f"chown root:root {key}; chmod 600 {key}")
    said = sensor.run("ims doctor --queryd /etc/ims/queryd.toml && exit 9 || true")
    assert key in said
    sensor.run("systemctl restart ims-queryd && exit 9 || true")
    sensor.run(f"chown root:ims {key}; chmod 640 {key}; systemctl reset-failed ims-queryd; systemctl start ims-queryd")
    sensor.run("ims doctor --queryd /etc/ims/queryd.toml")


def test_a_sensor_that_is_halted_is_said_to_be(deployed: Trial) -> None:
    """By queryd's unit, which sees little of /proc."""
    deployed["sensor-a"].run("systemctl kill --signal STOP ims-sensor")
    until_sensors(deployed["portal"], 'sensors["sensor-a"]["watches"] is False')
    deployed["sensor-a"].run("systemctl kill --signal CONT ims-sensor")
    until_sensors(deployed["portal"], 'sensors["sensor-a"]["watches"] is True')


def test_the_newer_version_was_installed_and_runs(deployed: Trial) -> None:
    """What was stored before is told by it."""
    for name in UPGRADED:
        [commit] = re.findall(
            r"commit: ([0-9a-f]{12})", deployed[name].path(f"{SOURCES}/.git_archival.txt").read_text()
        )
        assert commit in deployed[name].run("ims --version"), name


def test_the_accounts_that_were_put_back_are_those_of_before(deployed: Trial) -> None:
    portal = deployed["portal"]
    assert "alice" in portal.run(f"ims account list {ACCOUNTS}")
    assert portal.run("stat --format %a accounts.copy").split() == ["600"]
    until_sensors(portal, 'all(sensor["state"] == "answers" for sensor in sensors.values())')
    portal.run("ims query count --portal https://portal.example.net:8443 --token-file token")


def test_a_certificate_is_renewed(deployed: Trial) -> None:
    """As docs/deploy.md and pki.md say within their sentences."""
    authority, sensor, portal = (deployed[name] for name in ("authority", "sensor-a", "portal"))
    registry = portal.path("/etc/ims/registry.toml").read_text()
    [old] = re.findall(r'name = "sensor-a"\n(?:[^[].*\n)*?serial = "(.*)"', registry)
    [new] = re.findall(r'serial = "(.*)"', authority.run("ims pki issue sensor-a --role sensor --out next"))
    carry(deployed, "next", "sensor-a")
    sensor.run("install -m 640 -g ims next/* /etc/ims/tls; systemctl restart ims-queryd; systemctl status ims-queryd")
    portal.write("/etc/ims/registry.toml", registry.replace(old, new))
    authority.run(f"ims pki revoke {old}")
    shutil.copy(authority.path("/root/PKI/revoked.pem"), portal.path("/root/revoked.pem"))
    portal.run("install -m 640 -g ims revoked.pem /etc/ims/tls/revoked.pem")
    assert new != old
    assert "sensor-a: agrees" in portal.run("ims registry check --config /etc/ims/portal.toml")
    until_sensors(portal, 'sensors["sensor-a"]["state"] == "answers"')


def test_a_sensor_is_renamed_and_retired(deployed: Trial) -> None:
    """As docs/sensor.md says within a sentence; the second of a copy."""
    sensor = deployed["sensor-b"]
    counted, here = "ims query count --format json --store", "/var/lib/ims/store"
    before = sensor.run(f"{counted} {here}")
    sensor.run("systemctl stop ims-sensor ims-queryd; ims sensor rename sensor-b elsewhere --store /var/lib/ims/store")
    assert "elsewhere" in sensor.run(f"ims query coverage --store {here}")
    sensor.run(
        "ims sensor rename elsewhere sensor-b --store /var/lib/ims/store; cp -a /var/lib/ims/store /var/lib/ims/copy"
    )
    sensor.run("ims sensor retire sensor-b --store /var/lib/ims/copy")
    sensor.run("ims store verify /var/lib/ims/store; ims store verify /var/lib/ims/copy")
    assert sensor.run(f"{counted} /var/lib/ims/copy") == before
    sensor.run("rm -r /var/lib/ims/copy; systemctl start ims-sensor ims-queryd")
    until_sensors(deployed["portal"], 'sensors["sensor-b"]["watches"] is True')


def test_nothing_of_a_daemon_s_was_left_to_root(deployed: Trial) -> None:
    for name, folder, user in (
        ("sensor-a", "/var/lib/ims/store", "ims"), ("sensor-b", "/var/lib/ims/store", "ims"),
        ("portal", "/var/lib/ims-portal", "ims"),
    ):  # fmt: skip
        assert deployed[name].run(f"find {folder} ! -user {user}") == "", name
