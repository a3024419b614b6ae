"""`ims doctor` looks at a daemon as the machine's unit starts it: as its user, within its sandbox, with its variables."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from ims.install.unit import unit_text
from ims.store.schema import create_store

from ..stores import IMS, cli, needs_programs

UNITS = "/etc/systemd/system"


def as_root(test: Callable[..., None]) -> Callable[..., None]:
    """Skip where units can't be mounted."""
    return pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount; CI is root")(
        needs_programs("unshare")(test)
    )


@pytest.fixture
def units() -> Iterator[Path]:
    """A folder that stands in for the machine's units, in a place that everybody may look into and no unit hides."""
    folder = Path(tempfile.mkdtemp(prefix="ims-doctor-", dir="/srv"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def with_units(units: Path, *words: str | Path, before: tuple[str, ...] = (), **variables: str) -> list[dict[str, str]]:
    """What the doctor finds on a machine that has these units; `before`: words before its own."""
    script = f'mount --bind "$1" {UNITS} && shift && exec "$@"'
    asked = [*before, str(IMS), "doctor", *map(str, words), "--format", "json"]
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(units), *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | variables)
    if "mount" in done.stderr:
        pytest.skip("file systems can't be mounted here")
    assert done.returncode in (0, 1), done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def wrong(found: list[dict[str, str]], subject: str) -> list[str]:
    return [each["found"] for each in found if each["level"] == "wrong" and each["subject"] == subject]


def own_text(name: str) -> str:
    """A unit's text with a user whom each machine has."""
    return re.sub("^User=.*$", "User=nobody", unit_text(name, Path("/opt/ims")), flags=re.MULTILINE)


def shipper(units: Path, *drop_ins: str) -> None:
    (units / "ims-ship.service").write_text(unit_text("ship", Path("/opt/ims")))
    folder = units / "ims-ship.service.d"
    folder.mkdir(exist_ok=True)
    own = (
        "User=nobody", "EnvironmentFile=", f"EnvironmentFile={units}/lake.env", "ExecStart=",
        f"ExecStart=/opt/ims/bin/ims ship --store {units}/store --to ${{IMS_LAKE}} --every 10m",
    )  # fmt: skip
    (folder / "own.conf").write_text("[Service]\n" + "\n".join((*own, *drop_ins)) + "\n")


@as_root
def test_the_shipper_is_looked_at_as_its_unit_starts_it(units: Path) -> None:
    """As its user, who may not write to this store; with its variables; and within its sandbox."""
    create_store(units / "store")
    (units / "lake").mkdir()
    shutil.chown(units / "lake", "nobody")
    variables = units / "lake.env"
    variables.write_text(f'# Where to\nIMS_LAKE="{units}/lake"\n')
    variables.chmod(0o600)
    shipper(units)
    (units / "store" / "_state").mkdir()
    found = with_units(units, "--config", variables)
    [said] = wrong(found, "store")
    assert "can't be written to as a whole by nobody" in said
    assert wrong(found, "unit") == [
        f"ims-ship.service may only read the store {units}/store (ProtectSystem=strict)",
        f"ims-ship.service may only read the lake {units}/lake (ProtectSystem=strict)",
    ]
    shutil.chown(units / "store" / "_state", "nobody")
    shipper(units, f"ReadWritePaths={units}/store {units}/lake")
    found = with_units(units, "--config", variables)
    assert [each["level"] for each in found] == ["ok", "ok"], found


@as_root
def test_a_store_that_the_sensor_s_unit_may_not_write_to_is_found(units: Path) -> None:
    settings = units / "sensor.toml"
    settings.write_text(
        f'name = "a"\nstore = "{units}/store"\ninterfaces = ["lo"]\nuser = "nobody"\n'
        '[[block]]\nname = "C/24"\nprefix = "198.51.100.0/24"\n'
    )
    text = own_text("sensor")
    unit = units / "ims-sensor.service"
    unit.write_text(text)
    assert wrong(with_units(units, "--config", settings), "unit") == []  # the unit starts with another file
    unit.write_text(text.replace("/etc/ims/sensor.toml", str(settings)))
    found = with_units(units, "--config", settings)
    [remedy] = [each["remedy"] for each in found if each["subject"] == "unit"]
    assert remedy.endswith(f"with these two lines:\n[Service]\nReadWritePaths={units}/store")
    drop_in = units / "ims-sensor.service.d" / "override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("\n".join(remedy.splitlines()[1:]))
    assert wrong(with_units(units, "--config", settings), "unit") == []


@as_root
def test_a_key_that_a_unit_hides_is_found(units: Path) -> None:
    settings = units / "queryd.toml"
    settings.write_text(
        f'store = "{units}/store"\nlisten = "127.0.0.1:19443"\n[tls]\ncertificate = "/root/a.pem"\nkey = "{units}/a.key"\n'
        f'ca = "{units}/ca.pem"\nrevoked = "/tmp/revoked.pem"\n'
    )
    text = own_text("queryd").replace("/etc/ims/queryd.toml", str(settings))
    (units / "ims-queryd.service").write_text(text)
    assert wrong(with_units(units, "--config", settings), "unit") == [
        "ims-queryd.service hides the list of revoked certificates /tmp/revoked.pem from the daemon (PrivateTmp=yes)",
        "ims-queryd.service hides the certificate /root/a.pem from the daemon (ProtectHome=yes)",
    ]


@as_root
def test_who_may_not_look_into_a_folder_is_told_of_the_rest(units: Path) -> None:
    """An ordinary user who may read a portal's settings, and a unit that says more than is plain; TMPDIR is his own."""
    settings, closed = units / "portal.toml", units / "closed"
    closed.mkdir(mode=0o700)
    settings.write_text(
        f'registry = "{units}/registry.toml"\naccounts = "{closed}/accounts.db"\naudit = "{closed}/audit.jsonl"\n'
        'listen = "127.0.0.1:18443"\n'
    )
    text = own_text("portal").replace("/etc/ims/portal.toml", str(settings))
    (units / "ims-portal.service").write_text(text)
    (units / "ims-portal.service.d").mkdir()
    (units / "ims-portal.service.d" / "own.conf").write_bytes(b"# M\xfcnchen\n[Service]\nUser=nobody\n")
    (units / "ims-ship.service").write_text("[Service]\n")
    (units / "ims-ship.service").chmod(0o600)
    own = units / "tmp"
    own.mkdir(mode=0o777)
    capabilities = ("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--reuid=nobody", "--clear-groups")
    for before in ((), capabilities):
        try:
            found = with_units(
                units,
                "--config",
                settings,
                before=before,
                TMPDIR=str(own),
                HOME=str(own / "home"),
                IMS_CACHE_DIR="none",
            )
        except AssertionError as error:
            if before and "Permission denied" in str(error) and "ims-tests" in str(error):
                pytest.skip("the program lies where only root can read it")
            raise
        assert wrong(found, "unit") == [
            f"ims-portal.service may only read the file of accounts {closed}/accounts.db (ProtectSystem=strict)"
        ], before


class Bucket(BaseHTTPRequestHandler):
    """A server that lets nobody in and notes who asked."""

    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.asked.append(self.headers.get("Authorization", ""))
        self.send_error(403)

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *words: object) -> None:
        pass


@as_root
def test_the_shipper_has_its_file_s_variables_alone(units: Path) -> None:
    """The credentials of who asks are none of the unit's."""
    create_store(units / "store")
    variables = units / "lake.env"
    shipper(units, f"ReadWritePaths={units}/store", "User=root")
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"endpoint_override=127.0.0.1%3A{server.server_port}&scheme=http&region=x"
        lines = [f"IMS_LAKE=s3://telescope/lake?{at}", "AWS_EC2_METADATA_DISABLED=true"]
        for key in ([], ["AWS_ACCESS_KEY_ID=unit", "AWS_SECRET_ACCESS_KEY=y"]):
            variables.write_text("\n".join([*lines, *key, ""]))
            with_units(units, "--config", variables, AWS_ACCESS_KEY_ID="caller", AWS_SECRET_ACCESS_KEY="x")
        server.shutdown()
    assert any("Credential=unit/" in each for each in Bucket.asked), Bucket.asked
    assert not any("Credential=caller/" in each for each in Bucket.asked), Bucket.asked


@as_root
def test_a_unit_of_a_user_who_is_not_there_is_found(units: Path) -> None:
    create_store(units / "store")
    (units / "lake.env").write_text("IMS_LAKE=/srv/lake\n")
    shipper(units, "User=gone")
    [said, *_] = wrong(with_units(units, "--config", units / "lake.env"), "unit")
    assert said == "ims-ship.service runs as gone, a user whom this machine doesn't have"


def test_variables_without_a_unit_are_the_shipper_s(tmp_path: Path) -> None:
    variables = tmp_path / "mine"
    variables.write_text('IMS_LAKE="ftp://a/b"\n')
    found = json.loads(cli("doctor", "--config", variables, "--format", "json").stdout)
    assert any("unsupported scheme ftp://" in each["found"] for each in found)


@pytest.mark.parametrize(("name", "text", "said"), [
    ("lake.env", "export IMS_LAKE=/srv/lake\n", "sets no IMS_LAKE (line 1: systemd ignores what isn't NAME=VALUE, `e"),
    ("lake.env", "# IMS_LAKE=/srv/lake\n", "lake.env sets no IMS_LAKE; docs/scale.md has an example"),
    ("a.toml", '[[sensor]]\nname = "a"\n', "the settings of no sensor, query daemon or portal, nor sets IMS_LAKE for the"),
    ("a.toml", "", "it has no keys"),
    ("a.toml", "name = [", "a.toml isn't TOML"),
])  # fmt: skip
def test_a_file_of_no_daemon_is_said_to_be(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    done = cli("doctor", "--config", tmp_path / name)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert said in line
