"""docs/scale.md's portal with a lake, on the machines of docs/deploy.md: a sensor's shipped day, and what came since."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from .deployment import Trial
from .page import Block, blocks
from .sensor_page import visit
from .test_deploy_page import until_sensors

pytestmark = pytest.mark.exhaustive  # beside the lake's other blocks: half a minute
STORE = "/var/lib/ims/store"
INGEST = f"ims ingest dark.pcap --store {STORE} --sensor sensor-a --block C/24=198.51.100.0/24"
ASKED = "ims query count --portal https://portal.example.net:8443 --token-file token --format json"


def counted(said: str) -> Any:
    return json.loads(said[said.index("{") :])


@pytest.fixture(scope="module")
def lake(deployed: Trial) -> Trial:
    """The day of docs/sensor.md's capture in sensor-a's store, shipped; the lake where the portal is, and in its settings."""
    sensor, portal = deployed["sensor-a"], deployed["portal"]
    sensor.run(f"systemctl stop ims-sensor; {INGEST}; install -d -o ims -g ims /srv/lake")
    sensor.run(f"ims ship --store {STORE} --to /srv/lake; systemctl start ims-sensor")
    subprocess.run(["cp", "-r", sensor.path("/srv/lake"), portal.path("/srv")], check=True)
    portal.run("chown -R ims:ims /srv/lake")
    [block] = [block for block in blocks("scale.md") if "[lake]" in block.text]
    settings = portal.path("/etc/ims/portal.toml").read_text()
    deployed.do(Block("toml", f"{settings}\n{block.text}", "the portal", "/etc/ims/portal.toml"), "nowhere")
    portal.run("ims doctor --portal /etc/ims/portal.toml; systemctl restart ims-portal")
    until_sensors(portal, 'all(sensor["state"] == "answers" for sensor in sensors.values())')
    return deployed


def test_a_portal_asks_it_beside_its_sensors(lake: Trial) -> None:
    """The shipped day is older than what sensor-a keeps, so that the lake alone has it."""
    sensor, came = lake["sensor-a"], f"ims query count 'dst host 198.51.100.77' --store {STORE} --format json"
    visit(lake, "198.51.100.77")
    sensor.until(f"{came} | grep -E '\"packets\": *(1[5-9]|[2-9][0-9])'")  # three connections, of five packets each
    sensor.run("systemctl stop ims-sensor")  # what is sent again comes no more
    parts = [
        lake["portal"].run("ims query count --lake /srv/lake --format json"),
        sensor.run(came),
        lake["sensor-b"].run(f"ims query count --store {STORE} --format json"),
    ]
    both = counted(lake["portal"].run(ASKED))
    sensor.run("systemctl start ims-sensor")
    assert both["packets"] == sum(counted(part)["packets"] for part in parts) > 1000


def test_a_silent_sensor_s_day_is_told_by_the_lake(lake: Trial) -> None:
    portal, shipped = lake["portal"], counted(lake["sensor-a"].run("ims query count --lake /srv/lake --format json"))
    lake["sensor-a"].run("systemctl stop ims-queryd")
    until_sensors(portal, 'sensors["sensor-a"]["state"] != "answers"')
    alone = counted(portal.run(f"{ASKED} 'dst net 198.51.100.0/24'"))
    lake["sensor-a"].run("systemctl start ims-queryd")
    until_sensors(portal, 'sensors["sensor-a"]["state"] == "answers"')
    assert alone["packets"] == shipped["packets"] >= 1000


def test_an_environment_for_a_bucket_s_credentials(lake: Trial) -> None:
    """As the page says within a sentence, by an editor that copies."""
    portal = lake["portal"]
    portal.write("/root/edited.conf", "[Service]\nEnvironmentFile=/etc/ims/portal.env\n")
    portal.write("/etc/ims/portal.env", "AWS_EC2_METADATA_DISABLED=true\n")
    portal.run("export SYSTEMD_EDITOR='cp /root/edited.conf'")
    portal.run("script -qec 'systemctl edit ims-portal' /dev/null; systemctl restart ims-portal")  # it wants a terminal
    portal.run(
        "tr '\\0' '\\n' </proc/$(systemctl show --value --property MainPID ims-portal)/environ | grep -x AWS_EC2_METADATA_DISABLED=true"
    )
