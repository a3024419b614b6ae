"""docs/scale.md runs as printed: shipping to a folder and a bucket, other engines, a Spark cluster, a portal's lake."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import psutil
import pytest

import ims
from ims.lake.config import checked_lake
from ims.lake.lake import open_lake
from ims.sensor.config import checked
from ims.settings.toml import read_toml
from tests.free_port import free_port
from tests.lake.conftest import s3_client, s3_server  # noqa: F401  (a fixture)
from tests.lake.spark_cluster import QUICK, require_java
from tests.portal.deployment import deployed

from ..stores import IMS
from .conftest import Shell

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "src" / "ims" / "install"
PAGE = (ROOT / "docs" / "scale.md").read_text()
MEASURED = (ROOT / "docs" / "benchmarks.md").read_text()
NOT_RUN = {
    "systemctl enable": "root's, on a machine with systemd: tests/trial",
    "systemctl restart": "likewise",
    "[Service]": "likewise",
    "LAKE/lake.json": "a picture of folders",
}
"""What tells a block that isn't tried, and why it isn't."""
VERBS = ("count", "series udp --bin 1h --metric sources")
QUICKER = f"{QUICK} -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
"""Java that doesn't examine Spark's own classes."""


def blocks() -> list[str]:
    return re.findall(r"^```[a-z]*\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def block(marker: str) -> str:
    """The block that holds some text."""
    [found] = [text for text in blocks() if marker in text]
    return found


def test_every_block_is_tried_or_said_not_to_be() -> None:
    calls = [node for node in ast.walk(ast.parse(Path(__file__).read_text())) if isinstance(node, ast.Call)]
    named = {ast.literal_eval(call.args[0]) for call in calls if getattr(call.func, "id", "") == "block"}
    for text in blocks():
        assert len([marker for marker in {*named, *NOT_RUN} if marker in text]) == 1, text
    assert PAGE.count("```") == 2 * len(blocks())


@pytest.fixture(scope="module")
def lake(desk: Path, shell: Shell) -> Path:
    """The desk after the page's first commands, with STORE and LAKE."""
    done = shell(block("ims simulate modern"))
    assert done.returncode == 0, done.stderr
    assert "nothing found" not in done.stdout
    assert (desk / "udp.pcap").stat().st_size > 24
    return desk


def asked(shell: Shell, words: str) -> str:
    done = shell(f"ims query {words}")
    assert done.returncode == 0, (words, done.stderr)
    return str(done.stdout)


@pytest.mark.parametrize("verb", VERBS)
def test_the_lake_answers_as_the_store(lake: Path, shell: Shell, verb: str) -> None:
    found = asked(shell, f"{verb} --format json --lake LAKE")
    assert json.loads(found)
    assert found == asked(shell, f"{verb} --format json --store STORE")


def test_it_lies_as_the_page_says(lake: Path) -> None:
    with open_lake(lake / "LAKE") as opened:
        [ledger] = opened.ledgers.values()
    assert len([path for path in ledger.files if path.startswith("packets/")]) == 24
    assert 2 * 24 < len(ledger.files) <= 3 * 24 + 1
    assert f"whose ledger has {30_000 * len(ledger.octets()) / len(ledger.files) / 1e6:.0f} MB" in PAGE


def test_other_engines_read_it(lake: Path, shell: Shell) -> None:
    with contextlib.chdir(lake), duckdb.connect() as connection, ims.open("STORE") as telescope:
        [(date, packets, sources)] = connection.sql(block("SELECT date").rstrip().rstrip(";")).fetchall()
        [counted] = telescope.count().rows()
        ports = {row["destination_port"]: row["value"] for row in telescope.top("destination_port", "tcp").rows()}
    assert (date, packets, sources) == ("2026-03-04", counted["packets"], counted["sources"])
    code = block("import polars") + "import json\nprint(json.dumps(ports.rows()))\n"
    assert dict(python(shell, code)) == ports
    assert python(shell, block("import duckdb") + "print(counted[0][0])") == packets


def python(shell: Shell, code: str) -> Any:
    """What a program of the page prints, as JSON."""
    done = shell(f"cat > example.py <<'END'\n{code}\nEND\npython -W error example.py")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_bucket(lake: Path, shell: Shell, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    settings = block("# /etc/ims/lake.env").replace("https%3A%2F%2Fs3.example.net", quote(s3_server, safe=""))
    (lake / "lake.env").write_text(settings.replace("…", "somebody"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "somebody")
    client = s3_client(s3_server)
    client.create_bucket(Bucket="telescope", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_bucket_lifecycle_configuration(
        Bucket="telescope", LifecycleConfiguration=json.loads(block("AbortIncompleteMultipartUpload"))
    )
    [rule] = client.get_bucket_lifecycle_configuration(Bucket="telescope")["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}

    shutil.copytree(lake / "STORE", lake / "HERE")
    (lake / "HERE" / "_state" / "sensor=sensor-a" / "shipped.json").unlink()  # as the page says, for another lake

    def here(text: str) -> str:
        return text.replace("/etc/ims/lake.env", "./lake.env").replace("/var/lib/ims/store", "HERE")

    lines = here(block("--every 10m")).replace("\nims ship", "\nexec ims ship")  # so that a signal reaches it
    environment = os.environ | {"PATH": f"{IMS.parent}:{os.environ['PATH']}"}
    with subprocess.Popen(
        ["bash", "-euc", lines], cwd=lake, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as shipping:
        assert shipping.stdout is not None
        said = next((line for line in shipping.stdout if line.startswith("sensor-a")), "")
        shipping.terminate()
        _, complaints = shipping.communicate(timeout=60)
    assert (shipping.returncode, complaints) == (0, "")
    assert said

    credentials = here(block("--every 10m")).splitlines()[0]
    done = shell(f"{credentials}\n{here(block('series tcp --bin 1h'))}")
    assert done.returncode == 0, done.stderr
    expected = shell("ims query count --store STORE; ims query series tcp --bin 1h --store STORE")
    assert done.stdout == expected.stdout


@pytest.mark.exhaustive  # a master, a worker and three drivers
def test_a_spark_cluster_on_loopback(lake: Path, shell: Shell) -> None:
    require_java()
    ports = {"7077": str(free_port())}

    def here(text: str) -> str:
        return text.replace("7077", ports["7077"]).replace("/opt/ims/bin/python", "python")

    quick = "".join(f'"spark.{side}.extraJavaOptions" = "{QUICKER}"\n' for side in ("driver", "executor"))
    (lake / "lake.toml").write_text(here(block("# lake.toml")) + quick)
    code = block("import ims\n") + "import json\nprint(json.dumps(ports.rows()))\nprint(day.table.num_rows)\n"
    (lake / "example.py").write_text(code)
    steps = [
        here(block("export SPARK_HOME=")), block("--lake-config lake.toml") + "python -W error example.py", block("kill %1"),
    ]  # fmt: skip
    environment = os.environ | {
        "PATH": f"{IMS.parent}:{os.environ['PATH']}",
        "COLUMNS": "200",
        "SPARK_DAEMON_JAVA_OPTS": QUICKER,
    }
    with subprocess.Popen(
        ["bash", "-euc", "\n".join(steps)], cwd=lake, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        try:
            said, complaints = running.communicate(timeout=240)
            left = of_group(running.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 0, (said, complaints, *(log.read_text() for log in lake.glob("*.log")))
    assert left == []
    counted, rows, bins = said.rsplit("\n", 3)[:3]
    assert f"{counted}\n" == asked(shell, "count --store STORE")
    with ims.open(lake / "STORE") as telescope:
        assert json.loads(rows) == telescope.top("destination_port", "tcp").rows()
        assert int(bins) == len(telescope.series(bin="1h", metric="sources"))


def of_group(group: int) -> list[psutil.Process]:
    """Processes of a group that are left after a moment to end."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group and process.pid != group:
                found.append(process)
    return list(psutil.wait_procs(found, timeout=30)[1])


@pytest.mark.parametrize(
    "text", [block("# lake.toml"), block("# duckdb.toml"), block("# lake-on-s3.toml")], ids=["spark", "duckdb", "s3"]
)
def test_settings_of_engines_are_taken(text: str) -> None:
    assert checked_lake(tomllib.loads(text))


def test_the_client_for_s3_is_of_spark_s_hadoop() -> None:
    import pyspark

    [jar] = Path(pyspark.__path__[0]).glob("jars/hadoop-client-api-*.jar")
    assert f'hadoop-aws:{jar.stem.removeprefix("hadoop-client-api-")}"' in block("# lake-on-s3.toml")


def test_settings_of_a_sensor_are_taken() -> None:
    sensor = read_toml(INSTALL / "settings" / "sensor.toml", "")
    assert checked({**sensor, **tomllib.loads(block("# /etc/ims/sensor.toml"))}).keep_until_shipped


def test_a_portal_asks_it_beside_its_sensors(lake: Path, tmp_path: Path) -> None:
    [said] = tomllib.loads(block("# /etc/ims/portal.toml")).values()
    settings = said | {"uri": said["uri"].replace("/srv/lake", f"{lake}/LAKE")}
    with ims.open(lake / "STORE") as telescope:
        expected = telescope.count("tcp").rows()
    with deployed(tmp_path / "deployed", {"sensor-a": lake / "STORE"}, lake=settings) as deployment:
        both = deployment.telescope().count("tcp")
        deployment.sensors["sensor-a"].end()
        alone = deployment.telescope().count("tcp")
    assert both.rows() == alone.rows() == expected
    assert both.record.silent == {}
    assert list(alone.record.silent) == ["sensor-a"]
    assert "the lake" in both.record.asked


def test_what_it_says_of_sizes_and_times_was_measured() -> None:
    head, table = PAGE.split("## What fits one machine")[1].split("|---:|---:|---:|\n")
    least, most = map(int, re.findall(r"takes (\d+) to (\d+) bytes on disk", head)[0])
    [stored] = re.findall(r"^A store of ([\d,]+) packets in one day: ([\d.]+) GB", MEASURED, re.MULTILINE)
    assert most == round(float(stored[1]) * 1e9 / int(stored[0].replace(",", "")))
    units = {"MB": 1e6, "GB": 1e9, "TB": 1e12}
    rows = re.findall(r"^\| ([\d,]+) \| (\S+) to (\S+) (.B) \| (\S+) to (\S+) (.B) \|$", table, re.MULTILINE)
    assert len(rows) == 3
    for rate, *columns in rows:
        for days, (low, high, unit) in ((1, columns[:3]), (365, columns[3:])):
            packets = int(rate.replace(",", "")) * 86_400 * days
            assert float(low) * units[unit] == pytest.approx(packets * least, rel=0.08)
            assert float(high) * units[unit] == pytest.approx(packets * most, rel=0.08)
    warm = dict(re.findall(r"^\| (.*), warm \| ([\d.]+) s \|", MEASURED, re.MULTILINE))
    assert f"most common ports in {float(warm['top destination_port']):.1f} s" in PAGE
    assert f"of one port in {float(warm['all of count for port 445']):.1f} s" in PAGE.replace("\n", " ")


def test_pages_and_places_that_it_links_to_exist() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        page, _, place = link.partition("#")
        assert (ROOT / "docs" / page).is_file(), link
        if place:
            assert re.search(rf"^#+ {place.replace('-', ' ')}$", MEASURED, re.MULTILINE | re.IGNORECASE), link
