"""`ims doctor` looks at a daemon as the machine's unit starts it: as its user, within its sandbox, with its variables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

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


def with_units(units: Path, *words: str | Path) -> list[dict[str, str]]:
    """What the doctor finds on a machine that has these units."""
    script = f'mount --bind "$1" {UNITS} && shift && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", units, IMS, "doctor", *words, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "mount" in done.stderr:
        pytest.skip("file systems can't be mounted here")
    assert done.returncode in (0, 1), done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def wrong(found: list[dict[str, str]], subject: str) -> list[str]:
    return [each["found"] for each in found if each["level"] == "wrong" and each["subject"] == subject]


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
    text = unit_text("sensor", Path("/opt/ims"))
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
    text = unit_text("queryd", Path("/opt/ims")).replace("/etc/ims/queryd.toml", str(settings))
    (units / "ims-queryd.service").write_text(text)
    assert wrong(with_units(units, "--config", settings), "unit") == [
        "ims-queryd.service hides the list of revoked certificates /tmp/revoked.pem from the daemon (PrivateTmp=yes)",
        "ims-queryd.service hides the certificate /root/a.pem from the daemon (ProtectHome=yes)",
    ]


def test_variables_without_a_unit_are_the_shipper_s(tmp_path: Path) -> None:
    variables = tmp_path / "mine"
    variables.write_text('IMS_LAKE="ftp://a/b"\n')
    found = json.loads(cli("doctor", "--config", variables, "--format", "json").stdout)
    assert any("no lake can be at ftp://" in each["found"] for each in found)


@pytest.mark.parametrize(("name", "text", "said"), [
    ("lake.env", "export IMS_LAKE=/srv/lake\n", "sets no IMS_LAKE (line 1: systemd passes over what isn't NAME=VALUE, `e"),
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
