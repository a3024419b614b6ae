"""What would go wrong is refused before anything is opened or changed."""

from __future__ import annotations

import pwd
import subprocess
from pathlib import Path

import pytest

from ims.process.file_access import Way
from ims.process.start_checks import findings_of, refuse
from ims.sensor.config import SensorConfig, checked
from ims.sensor.sensor_checks import FILE_OF_SETTINGS, needs_now, reload_checks, sensor_checks
from ims.simulate.namespaces import may_make_namespaces
from ims.store.lock import WriterLock
from ims.store.schema import create_store, state_folder

from .lab import Lab
from .refusal import at_machine

live = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")


def settings(store: Path, **changes: object) -> SensorConfig:
    block = {"name": "C/24", "prefix": "198.51.100.0/24"}
    return checked({"name": "a", "store": str(store), "interfaces": ["lo"], "block": [block]} | changes)


def said(config: SensorConfig) -> str:
    """What the start of a replay is refused with."""
    with pytest.raises((ValueError, OSError)) as raised:
        refuse(sensor_checks(config, replay=True))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_replay_into_a_new_store_is_fine_and_nothing_is_made_by_looking(tmp_path: Path) -> None:
    config = settings(tmp_path / "S", interfaces=["nothing0"])  # a capture takes the interface's place
    refuse(sensor_checks(config, replay=True))
    assert [finding.found for finding in findings_of(sensor_checks(config, replay=True))] == [
        f"{tmp_path}/S is made at the start"
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_a_folder_of_the_system_or_of_other_things_is_refused(tmp_path: Path) -> None:
    assert "/etc belongs to the system" in said(settings(Path("/etc")))
    (tmp_path / "notes").write_text("mine")
    assert str(tmp_path) in said(settings(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_a_sensor_that_is_being_written_is_refused_until_its_writer_ends(tmp_path: Path) -> None:
    create_store(tmp_path / "S")
    state_folder(tmp_path / "S", "a").mkdir(parents=True)
    lock = WriterLock(state_folder(tmp_path / "S", "a"), "a")
    assert "sensor 'a' is being written" in said(settings(tmp_path / "S"))
    refuse(sensor_checks(settings(tmp_path / "S", name="b"), replay=True))
    lock.release()
    refuse(sensor_checks(settings(tmp_path / "S"), replay=True))


def test_settings_to_be_taken_anew_are_looked_at_but_not_the_store(tmp_path: Path) -> None:
    refuse(reload_checks(settings(Path("/etc")), replay=True))
    block = {"name": "C/24", "prefix": "198.51.100.0/24", "policy": {"1-10": "ack", "5": "reset"}}
    with pytest.raises(ValueError, match="ports 5 have two policies"):
        refuse(reload_checks(settings(tmp_path, block=[block]), replay=True))
    own = {"name": "L", "prefix": "127.0.0.0/24"}
    with pytest.raises(ValueError, match=r"127\.0\.0\.1, which is this machine's own on lo"):
        refuse(reload_checks(settings(tmp_path, block=[own])))
    with pytest.raises(ValueError, match="no interface 'nothing0'"):
        refuse(reload_checks(settings(tmp_path, interfaces=["nothing0"])))


def test_a_store_that_is_absent_or_empty_need_but_be_reached_by_the_user_that_it_is_made_for(tmp_path: Path) -> None:
    store, file, nobody = tmp_path / "S", tmp_path / "s.toml", pwd.getpwnam("nobody")
    config = settings(store)
    assert [need.way for need in needs_now(config, nobody)] == [Way.REACH]
    store.mkdir()
    assert [need.way for need in needs_now(config, nobody)] == [Way.REACH]
    assert [need.way for need in needs_now(config, None)] == [Way.CHANGE_ALL]
    (store / "store.json").write_text("{}")
    assert [need.way for need in needs_now(config, nobody)] == [Way.CHANGE_ALL]
    assert [(need.named, need.path) for need in needs_now(config, nobody, file)][1:] == [(FILE_OF_SETTINGS, file)]


@live
def test_without_the_right_to_open_packet_sockets(lab: Lab) -> None:
    said = at_machine(lab, "setpriv", "--bounding-set", "-net_raw")
    assert "packet sockets need root or CAP_NET_RAW" in said
    assert "--replay" in said
    assert not (lab.folder / "STORE").exists()


@live
def test_a_store_that_belongs_to_somebody_else(lab: Lab) -> None:
    (lab.folder / "STORE" / "a").mkdir(parents=True)
    said = at_machine(lab)
    assert "STORE belongs to root, and the sensor becomes " in said
    assert said.endswith("; it is no store: set `store` to a folder of its own")
    (lab.folder / "STORE" / "store.json").write_text("{}")
    assert f"chown -R nobody {lab.folder}/STORE, or set `user`" in at_machine(lab)


@live
def test_a_folder_that_is_no_store(lab: Lab) -> None:
    folder = lab.folder / "STORE"
    folder.mkdir()
    (folder / "notes").write_text("mine")
    folder.chmod(0o777)
    subprocess.run(["chown", "nobody", str(folder)], check=True)
    assert "STORE" in at_machine(lab)
    assert (folder / "notes").read_text() == "mine"
