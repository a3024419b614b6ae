"""docs/scale.md runs as printed: a lake on the desk, a bucket of an S3 server, the shipper's unit, a Spark cluster.

Its portal beside a lake is in test_portal_lake.py.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .debian import CERTIFICATES
from .deployment import Trial
from .exposure import measured, printed
from .machine import Machine
from .network import ROUTER
from .page import Block

PYTHON = "/opt/ims/bin/python"
pytestmark = pytest.mark.exhaustive  # a day of traffic, a bucket, Java and Spark installed and begun
ELSEWHERE = "tests/cli/test_scale_page.py"
SHIPPED = "/var/lib/ims/store/_state/sensor=sensor-a/shipped.json"
SENSOR = """name = "sensor-a"
store = "/var/lib/ims/store"
interfaces = ["eth0"]

[[block]]
name = "A/16"
prefix = "198.18.0.0/16"

[[block]]
name = "B/24"
prefix = "198.51.100.0/24"
"""
"""Whose store it could be that the page's simulation filled."""


@contextlib.contextmanager
def bucket_server(router: Machine, folder: Path) -> Iterator[None]:
    """`https://s3.example.net`, whose certificate is in `folder`: its memory is all there is of its buckets."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=s3.example.net", "-addext", f"subjectAltName=DNS:s3.example.net,IP:{ROUTER}",
         "-keyout", folder / "s3.key", "-out", folder / "s3.pem"], check=True, capture_output=True,
    )  # fmt: skip
    with subprocess.Popen(
        ["nsenter", "--target", str(router.first), "--net", "env", "MOTO_S3_CUSTOM_ENDPOINTS=https://s3.example.net",
         sys.executable, "-m", "moto.server", "-H", ROUTER,
         "-p", "443", "--ssl-cert", folder / "s3.pem", "--ssl-key", folder / "s3.key"],
        stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stderr is not None
            assert any("Running on" in line for line in server.stderr)
            threading.Thread(target=server.stderr.read, daemon=True).start()  # else it waits for a reader, and so do we
            yield
        finally:
            server.kill()


def aws(router: Machine, folder: Path, code: str) -> None:
    """A client of the bucket's server, in its network."""
    script = (
        f"import boto3, json\nclient = boto3.client('s3', endpoint_url='https://{ROUTER}', verify='{folder}/s3.pem')\n"
    )
    subprocess.run(
        ["nsenter", "--target", str(router.first), "--net", "env", "AWS_ACCESS_KEY_ID=somebody",
         "AWS_SECRET_ACCESS_KEY=somebody", "AWS_DEFAULT_REGION=eu-central-1", sys.executable, "-c", script + code],
        check=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def desk(machines: Trial, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """After the page at the desk: STORE, LAKE and a bucket."""
    folder = tmp_path_factory.mktemp("s3")
    desk = machines["desk"]

    def trusted(trial: Trial, block: Block) -> Block:
        shutil.copy(folder / "s3.pem", desk.path("/usr/local/share/ca-certificates/s3.crt"))
        desk.run("update-ca-certificates; ims install-service sensor ship")
        desk.run("install -d -o ims -g ims -m 750 /var/lib/ims/store; cp -r STORE/. /var/lib/ims/store")
        desk.run(f"rm {SHIPPED}; chown -R ims:ims /var/lib/ims/store")
        aws(machines["router"], folder, "client.create_bucket(Bucket='telescope', CreateBucketConfiguration="
            "{'LocationConstraint': 'eu-central-1'})")  # fmt: skip
        return block._replace(text=block.text.replace("…", "somebody"))

    def until_it_shipped(trial: Trial, block: Block) -> Block:
        """The shipper goes on; a person ends it when it has said what it shipped."""
        text = block.text.replace("ims ship", "coproc ims ship")
        return block._replace(
            text=text + 'read -rt 240 said <&"${COPROC[0]}"; echo "$said"; kill "$COPROC_PID"; wait || true\n'
        )

    def lifecycle(trial: Trial, block: Block) -> Block:
        aws(machines["router"], folder, "client.put_bucket_lifecycle_configuration(Bucket='telescope', "
            f"LifecycleConfiguration=json.loads('''{block.text}'''))")  # fmt: skip
        return block._replace(language="sh", text="true\n")

    def as_file(trial: Trial, block: Block) -> Block:
        desk.write("/root/example.py", block.text + "print(locals().get('ports', locals().get('counted')))\n")
        return block._replace(language="sh", text=f"{PYTHON} -W error example.py\n")

    def statement(trial: Trial, block: Block) -> Block:
        desk.write("/root/example.py", f'import duckdb\nprint(duckdb.sql("""{block.text}""").fetchall())\n')
        return block._replace(language="sh", text=f"{PYTHON} -W error example.py\n")

    def beside_the_rest(trial: Trial, block: Block) -> Block:
        own, _, below = SENSOR.partition("\n\n")
        return block._replace(file="/etc/ims/sensor.toml", text=f"{own}\n{block.text}\n{below}")

    def spark_installed(trial: Trial, block: Block) -> None:
        with desk.path(str(CERTIFICATES)).open("ab") as bundle:  # update-ca-certificates has forgotten them
            bundle.write(("/" / CERTIFICATES).read_bytes())
        desk.run_online("apt-get install -y --no-install-recommends default-jre-headless")
        desk.run_online("/opt/ims/bin/python -m pip install 'pyspark>=4.3,<5'")

    def to_a_folder(trial: Trial, block: Block) -> None:
        """From one lake to another, as the page says at its end."""
        text = desk.path("/etc/ims/lake.env").read_text()
        desk.write("/etc/ims/lake.env", re.sub(r"^IMS_LAKE=.*$", 'IMS_LAKE="/srv/lake"', text, flags=re.MULTILINE))
        desk.run(f"rm {SHIPPED}")

    desk.run("cd")
    with bucket_server(machines["router"], folder):
        machines.follow(
            "scale.md", "desk",
            hooks={
                "AWS_EC2_METADATA_DISABLED": trusted,
                "--every 10m": until_it_shipped,
                "AbortIncompleteMultipartUpload": lifecycle,
                "SELECT date": statement,
                "import polars": as_file,
                "import duckdb": as_file,
                "keep_until_shipped": beside_the_rest,
                "export SPARK_HOME": spark_installed,
                "from pathlib import Path": as_file,
                "install -d -o ims": to_a_folder,
            },
            not_run={
                "LAKE/lake.json": "a picture of folders",
                "# lake-on-s3.toml": f"settings: {ELSEWHERE}; Spark on a bucket is untried",
                "[lake]": "test_portal_lake.py",
            },
        )  # fmt: skip
        yield machines


def test_the_lake_of_the_page_holds_the_store(desk: Trial) -> None:
    store = desk["desk"].run("ims query count --store STORE --format json")
    for lake in ("LAKE", '"$IMS_LAKE"'):
        assert json.loads(desk["desk"].run(f"ims query count --lake {lake} --format json")) == json.loads(store)


def test_the_shipper_s_unit_ships_the_store_to_a_folder(desk: Trial) -> None:
    machine = desk["desk"]
    counted = "ims query count --format json"
    expected = json.loads(machine.run(f"{counted} --store /var/lib/ims/store"))["packets"]
    machine.until(
        f"{counted} --lake /srv/lake | grep '\"packets\": *{expected},'", "systemctl is-active --quiet ims-ship"
    )
    assert machine.run("find /var/lib/ims/store /srv/lake ! -user ims") == ""
    assert printed("scale.md") == [measured(desk["desk"], "ims-ship")]


def test_a_sensor_keeps_what_no_lake_has_got(desk: Trial) -> None:
    """With the page's settings, whose fortnight the simulated day is long past."""
    machine = desk["desk"]
    machine.run(f"systemctl stop ims-ship; mv {SHIPPED} shipped.json")
    day = "ims query count --until 2026-03-06 --format json"
    expected = machine.run(f"{day} --store /var/lib/ims/store")
    assert json.loads(expected)["packets"] > 0
    watched = "ims query coverage --since 2026-04-01 --store /var/lib/ims/store --format json"
    machine.run("systemctl start ims-sensor")
    machine.until(f"{watched} | grep sensor-a", "systemctl is-active --quiet ims-sensor")
    machine.run("systemctl stop ims-sensor")
    assert machine.run(f"{day} --store /var/lib/ims/store") == expected

    machine.run(f"mv shipped.json {SHIPPED}; systemctl start ims-sensor")
    machine.until(
        f"{day} --store /var/lib/ims/store | grep '\"packets\": *0'", "systemctl is-active --quiet ims-sensor"
    )
    machine.run("systemctl stop ims-sensor")
    assert machine.run(f"{day} --lake /srv/lake") == expected


def test_spark_and_duckdb_as_set_up_by_the_page_answer_as_the_store(desk: Trial) -> None:
    store = desk["desk"].run("ims query count --store STORE")
    assert desk.printed("--lake-config lake.toml") == store
    assert desk["desk"].run("ims query count --lake LAKE --lake-config duckdb.toml") == store


def test_a_shipper_of_a_store_that_nobody_writes_keeps_a_fortnight(desk: Trial) -> None:
    machine = desk["desk"]
    machine.run("cp -r STORE OLD; rm -f OLD/_state/sensor=sensor-a/shipped.json")
    machine.run("ims ship --keep-age 14d --store OLD --to OLDLAKE")
    counted = "ims query count --format json"
    assert json.loads(machine.run(f"{counted} --store OLD"))["packets"] == 0
    assert machine.run(f"{counted} --lake OLDLAKE") == machine.run(f"{counted} --store STORE")
