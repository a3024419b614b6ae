"""docs/deploy.md runs as printed, on loopback: certificates, two query daemons, a portal, an account, a question."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ims.pki.credentials import Credentials
from ims.store.rename import rename_sensor

from ..stores import IMS
from .deployment import PASSWORD, Process, free_port
from .test_packaging import DEPLOY, printed


def lines(marker: str) -> str:
    """The shell block that holds some text."""
    [block] = [block for block in re.findall(r"^```sh\n(.*?)^```", DEPLOY, re.MULTILINE | re.DOTALL) if marker in block]
    return str(block)


def shell(folder: Path, text: str, stdin: str = "") -> str:
    environment = os.environ | {"PATH": f"{IMS.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euc", text], cwd=folder, env=environment, input=stdin, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (text, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing; CI has it")
def test_from_nothing_to_a_question_that_two_sensors_answer(tmp_path: Path, three_stores: list[Path]) -> None:
    shown = shell(tmp_path, lines("ims pki init"))
    assert all(name in shown for name in ("sensor-a", "sensor-b", "portal"))

    ports = {name: free_port() for name in ("sensor-a", "sensor-b", "portal")}
    serials = {}
    for name in ports:
        shutil.copytree(tmp_path / name, tmp_path / f"etc-{name}" / "tls")
        pair = (tmp_path / name / f"{name}.{ending}" for ending in ("pem", "key"))
        serials[name] = Credentials.read(*pair, tmp_path / name / "ca.pem").identity.serial
    (tmp_path / "var").mkdir()

    def settled(text: str, name: str, store: Path | None = None) -> str:
        """Printed settings, of this machine."""
        text = text.replace("/etc/ims/", f"{tmp_path}/etc-{name}/").replace("/var/lib/ims-portal", f"{tmp_path}/var")
        text = text.replace("/var/lib/ims/store", str(store))
        text = re.sub(
            r'^listen = ".*"$', f'listen = "127.0.0.1:{ports[name]}"\nuser = "root"', text, flags=re.MULTILINE
        )
        return re.sub(r"\[https\].*", "", text, flags=re.DOTALL)

    daemons: list[Process] = []
    try:
        for name, sample in zip(("sensor-a", "sensor-b"), three_stores, strict=False):
            store = tmp_path / f"store-{name}"
            shutil.copytree(sample, store)
            rename_sensor(store, sample.name, name)
            config = tmp_path / f"etc-{name}" / "queryd.toml"
            config.write_text(settled(printed()[f"queryd.toml on {name}"], name, store))
            daemons.append(Process("queryd", "--config", config))
        registry = printed()["registry.toml"]
        for name, address in (("sensor-a", "sensor-a.example.net:9443"), ("sensor-b", "127.0.0.1:9501")):
            registry = registry.replace(address, f"127.0.0.1:{ports[name]}")
        for name, old in zip(("sensor-a", "sensor-b"), re.findall(r'serial = "(.*)"', registry), strict=True):
            registry = registry.replace(old, serials[name])
        (tmp_path / "etc-portal" / "registry.toml").write_text(registry)
        config = tmp_path / "etc-portal" / "portal.toml"
        config.write_text(settled(printed()["portal.toml"], "portal"))

        accounts = lines("ims account add").replace("/var/lib/ims-portal", f"{tmp_path}/var")
        shell(tmp_path, accounts, stdin=f"{PASSWORD}\n")
        for daemon in daemons:
            daemon.until("listening")
        daemons.append(Process("portal", "--config", config))
        daemons[-1].until("listening")
        for name in ("sensor-a", "sensor-b"):
            daemons[-1].until("sensor", sensor=name, state="answers")

        questions = lines("ims query count").replace(
            "https://portal.example.net:8443", f"http://127.0.0.1:{ports['portal']}"
        )
        said = shell(tmp_path, questions)
        counted, rest = json.JSONDecoder().raw_decode(said[said.index("{") :])
        health = json.loads(said[said.index("{") + rest :])
        assert counted["rows"]["packets"] > 3000
        assert counted["answer"]["silent"] == {}
        states = {sensor["name"]: sensor["state"] for sensor in health["sensors"]}
        assert states == {"sensor-a": "answers", "sensor-b": "answers"}
    finally:
        for daemon in daemons:
            daemon.end()
