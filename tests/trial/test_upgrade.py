"""docs/deploy.md's upgrade to a commit whose kernels differ, while somebody comes by: nothing is lost, and no daemon compiles."""

from __future__ import annotations

import json

import pytest

from .deploy_page import UPGRADED, upgrade
from .deployment import SOURCES, Trial
from .machine import Machine
from .page import blocks
from .sensor_page import visit
from .test_deploy_page import ACCOUNTS, until_sensors

pytestmark = pytest.mark.exhaustive  # two machines compile all kernels: two minutes
PACKETS = "ims query packets --store /var/lib/ims/store --format json --limit 100000"


def kernels(machine: Machine) -> set[str]:
    return set(machine.run("ls /var/cache/ims").split())


def test_an_upgrade_to_other_kernels(deployed: Trial) -> None:
    sensor, portal = deployed["sensor-a"], deployed["portal"]
    before, compiled = json.loads(sensor.run(PACKETS)), {name: kernels(deployed[name]) for name in UPGRADED}
    accounts = portal.run(f"ims account list {ACCOUNTS}")
    commit = upgrade(deployed, kernels=True)
    steps = {block.place: block for block in blocks("deploy.md") if f"make -C {SOURCES}" in block.text}
    assert set(steps) == {"both sensors", "the portal"}

    sensor.run_online(f"make -C {SOURCES} install")
    visit(deployed, "198.51.100.8")  # the old sensor goes on, over the new one's files
    sensor.run("systemctl reload ims-sensor")
    sensor.run_online(steps["both sensors"].text)
    sensor.run("systemctl restart ims-sensor")
    visit(deployed, "198.51.100.9")
    portal.run_online(steps["the portal"].text)

    sensor.until(f"{PACKETS} 'dst host 198.51.100.9 and dst port 8080' | grep '\"payload_length\": *[1-9]'")
    until_sensors(portal, 'all(sensor["state"] == "answers" for sensor in sensors.values())')
    came = [packet for packet in json.loads(sensor.run(PACKETS)) if packet not in before]
    for address in ("198.51.100.8", "198.51.100.9"):
        payloads = [packet for packet in came if packet["destination"] == address and packet["payload_length"]]
        assert {packet["destination_port"] for packet in payloads} == {23, 80, 8080}, came
    assert all(packet in json.loads(sensor.run(PACKETS)) for packet in before)
    assert portal.run(f"ims account list {ACCOUNTS}") == accounts
    for name in UPGRADED:
        assert commit in deployed[name].run("ims --version")
        assert len(kernels(deployed[name])) == 1
        assert not kernels(deployed[name]) & compiled[name]
        assert deployed[name].run("find /var/cache/ims-* -type f") == "", name
