"""`ims registry add` and `check`: sensors are asked who they are, and the file changes by one entry or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.portal.registry import RegisteredSensor, Registry, checked_registry
from ims.portal.registry_file import add_entry, entry

from ..stores import cli
from .deployment import Deployment

SERIAL = "25b109da9511d64c8a88bc3787cb513f"
COMMENT = "# Sensors of the north.\n"


def sensor(**words: object) -> RegisteredSensor:
    said = {"name": "sensor-a", "address": "192.0.2.1:9443", "serial": SERIAL}
    return RegisteredSensor.model_validate(said | words)


def test_an_entry_says_in_toml_what_it_is() -> None:
    import tomllib

    block = {"name": "C/24", "prefix": "198.51.100.0/24"}
    for words in (
        {},
        {
            "organisation": 'A "quoted" \\ Ünïversity\x7f',
            "time_zone": "Europe/Vienna",
            "sensors": ["old"],
            "block": [block],
        },
    ):
        one = sensor(**words)
        assert checked_registry(tomllib.loads(entry(one))).sensor == (one,)


def test_adding_keeps_comments_mode_owner_and_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "registry.toml"
    real.write_text(COMMENT)
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, 4242, 4243)
    link.symlink_to(real)
    add_entry(link, sensor())
    add_entry(link, sensor(name="sensor-b", address="192.0.2.2:9443", serial=SERIAL[::-1]))
    assert link.is_symlink() and real.read_text().startswith(COMMENT + '\n[[sensor]]\nname = "sensor-a"\n')
    assert [one.name for one in Registry(link).sensors()] == ["sensor-a", "sensor-b"]
    known = real.stat()
    assert known.st_mode & 0o777 == 0o640
    assert (known.st_uid, known.st_gid) == ((4242, 4243) if os.geteuid() == 0 else (os.getuid(), os.getgid()))
    before = real.read_text()
    with pytest.raises(ValueError, match=r"entries 1 \('sensor-a'\) and 3 \('again'\) have one address"):
        add_entry(link, sensor(name="again"))
    real.write_text("sensor = []\n")
    with pytest.raises(ValueError, match="an entry can't be appended to it"):
        add_entry(link, sensor())
    assert real.read_text() == "sensor = []\n" and before != ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.toml", "registry.toml"]


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
