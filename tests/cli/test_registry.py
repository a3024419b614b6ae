"""`ims registry`: sensors are asked who they are before they are believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.portal.federation.registry import Registry

from ..portal.deployment import Deployment
from ..portal.federation.test_registry_file import COMMENT, SERIAL
from ..stores import cli


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, three_stores: list[Path]) -> Iterator[Deployment]:
    """Sensor a, and b over a copy of a's store; no portal, but its settings and certificate."""
    folder = tmp_path_factory.mktemp("deployment")
    store = next(store for store in three_stores if store.name == "a")
    shutil.copytree(store, folder / "copy")
    deployment = Deployment(folder, {"a": store, "b": folder / "copy"})
    (folder / "portal.toml").write_text(
        f'registry = "{folder}/registry.toml"\naccounts = "{folder}/accounts.db"\naudit = "{folder}/audit"\n'
        + deployment.tls("portal")
    )
    try:
        for daemon in [deployment.start_sensor("a"), deployment.start_sensor("b", sensors=["a"])]:
            daemon.until("listening")
        yield deployment
    finally:
        for daemon in deployment.sensors.values():
            daemon.end()


def test_a_sensor_that_agrees_is_added_with_what_it_says(running: Deployment) -> None:
    registry, config = running.folder / "new.toml", running.folder / "portal.toml"
    registry.write_text(COMMENT)
    words = ("--address", f"127.0.0.1:{running.ports['a']}", "--config", config, "--registry", registry)
    done = cli("registry", "add", "here", *words)
    assert done.returncode == 2 and registry.read_text() == COMMENT
    assert "its certificate is that of 'a'; the registry calls it 'here'" in done.stderr
    done = cli("registry", "add", "a", *words, "--organisation", "Example CERT")
    assert done.returncode == 0, done.stderr
    assert registry.read_text() == f"{COMMENT}\n{done.stdout}"
    [one] = Registry(registry).sensors()
    assert (one.name, one.serial, one.organisation) == ("a", running.serials["a"], "Example CERT")
    assert [(block.name, block.prefix) for block in one.block] == [("H/25", "198.51.100.0/25")]
    again = cli("registry", "add", "a", *words)
    assert again.returncode == 2 and "have one name, a" in again.stderr
    words = ("--address", f"127.0.0.1:{running.ports['b']}", "--config", config, "--registry", registry)
    other = cli("registry", "add", "b", *words)
    assert other.returncode == 2 and "its store holds sensor 'a'; the registry allows b" in other.stderr
    both = cli("registry", "add", "b", *words, "--also", "a")
    assert both.returncode == 2 and "have one name, a" in both.stderr
    agrees = cli("registry", "check", "--config", config, "--registry", registry)
    assert (agrees.returncode, agrees.stdout) == (0, "a: agrees\n")


def test_check_names_both_sides_of_each_disagreement(running: Deployment) -> None:
    registry, config = running.folder / "wrong.toml", running.folder / "portal.toml"
    block = '[[sensor.block]]\nname = "C/24"\nprefix = "198.51.100.0/24"\n'
    registry.write_text((running.folder / "registry.toml").read_text().replace(running.serials["b"], SERIAL) + block)
    done = cli("registry", "check", "--config", config, "--registry", registry, "--format", "json")
    assert done.returncode == 1, done.stderr
    first, second = json.loads(done.stdout)
    assert first["agrees"] and first["serial"] == running.serials["a"] and first["blocks"] == ["H/25=198.51.100.0/25"]
    assert second["wrong"] == [
        f"its certificate has serial {running.serials['b']}; the registry says {SERIAL}",
        "its store holds sensor 'a'; the registry allows b",
        "it watches H/25=198.51.100.0/25; the registry says C/24=198.51.100.0/24",
        "its store is that of 'a', or a copy of it",
    ]
    running.sensors["b"].end()
    try:
        done = cli("registry", "check", "--config", config, "--registry", registry)
        assert done.returncode == 1
        assert done.stdout.splitlines()[1].startswith("b: it can't be reached: ")
    finally:
        running.start_sensor("b", sensors=["a"]).until("listening")


def test_who_does_not_speak_tls_or_is_of_another_authority_is_told(running: Deployment, tmp_path: Path) -> None:
    foreign = Deployment(tmp_path / "foreign", {"a": running.stores["a"]})
    foreign.start_sensor("a").until("listening")
    try:
        words = ("--config", running.folder / "portal.toml", "--registry", running.folder / "registry.toml")
        done = cli("registry", "add", "c", "--address", f"127.0.0.1:{foreign.ports['a']}", *words)
        assert done.returncode == 2 and "its certificate is of a foreign authority" in done.stderr
    finally:
        foreign.sensors["a"].end()
