"""A sensor in one process: it opens, runs, takes settings anew and ends in order."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ims.sensor.config import SensorConfig, checked
from ims.sensor.daemon import Sensor
from ims.sensor.replay import NoWire
from ims.simulate.namespaces import ip, may_make_namespaces
from ims.store.lock import WriterLock
from ims.store.schema import state_folder
from ims.telescope import Telescope

from ..made.sample import write_sample
from .lab import DEADLINE, Lab

live = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")
BLOCK = {"name": "C/24", "prefix": "198.51.100.0/24"}
PACKETS = 3000


def settings(folder: Path, **changes: object) -> SensorConfig:
    return checked({"name": "a", "store": folder / "STORE", "interfaces": ["replay"], "block": [BLOCK]} | changes)


def replaying(folder: Path, speed: float = 0, **changes: object) -> Sensor:
    write_sample(folder / "dark.pcap", packets=PACKETS, seed=3)
    sensor = Sensor(settings(folder, **changes), str(folder / "dark.pcap"), speed)
    sensor.open()
    return sensor


def policies(folder: Path) -> dict[str, set[str]]:
    """What answered, by block, as the store's coverage says."""
    with Telescope(folder / "STORE") as telescope:
        rows = telescope.coverage().rows()
    return {block: {row["policy"] for row in rows if row["block"] == block} for block in {row["block"] for row in rows}}


def test_a_replay_ends_by_itself_with_everything_stored(tmp_path: Path) -> None:
    sensor = replaying(tmp_path)
    sensor.run()
    state = sensor.state()
    assert sensor.replayed == (True, [])
    assert state.frames == state.stored == state.books["stored"] == sum(state.packets.values()) == PACKETS
    assert state.sum_of("synacks") > 0
    with Telescope(tmp_path / "STORE") as telescope:
        assert telescope.count().rows()[0]["packets"] == PACKETS
    assert policies(tmp_path) == {"C/24": {"ack"}}


def test_settings_are_taken_anew_while_it_runs_and_what_is_wrong_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ims.sensor.daemon.LOOK_SECONDS", 0.01)
    sensor = replaying(tmp_path, speed=1.0)  # a day long: it runs until it is stopped
    before, looked = sensor.config, list[SensorConfig]()
    other = {"name": "D/24", "prefix": "203.0.113.0/24", "policy": "reset"}
    readings = [{"block": []}, {"block": [BLOCK, other], "workers": 2}]

    def look() -> None:
        looked.append(sensor.config)
        if readings:
            sensor.reload()
        else:
            sensor.stop()

    with capture_logs() as said:
        sensor.run(lambda: settings(tmp_path, **readings.pop(0)), look)
    assert [line["event"] for line in said if line["event"] != "watching"] == [
        "the configuration stays as it was", "needs a restart", "the configuration was read again",
    ]  # fmt: skip
    assert looked[:2] == [before, before]
    assert [block.name for block in sensor.config.block] == ["C/24", "D/24"]
    assert sensor.config.workers == before.workers


def test_where_a_worker_ends_by_itself_the_sensor_ends_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(wire: NoWire) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(NoWire, "send", fail)
    sensor = replaying(tmp_path, speed=1.0)
    with pytest.raises(RuntimeError, match=r"worker replay-0 ended: RuntimeError\('broken'\)"):
        sensor.run()
    state = sensor.state()
    with Telescope(tmp_path / "STORE") as telescope:  # what was taken before is stored
        assert telescope.count().rows()[0]["packets"] == state.stored == state.frames
    WriterLock(state_folder(tmp_path / "STORE", "a"), "a").release()  # and the store was let go of


def test_a_start_that_is_refused_makes_no_store(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            replaying(tmp_path, metrics=f"127.0.0.1:{taken.getsockname()[1]}")
    (tmp_path / "dark.pcap").write_bytes(b"no capture")
    with pytest.raises(ValueError, match=r"dark\.pcap"):
        Sensor(settings(tmp_path), str(tmp_path / "dark.pcap"), 0).open()
    assert not (tmp_path / "STORE").exists()


@live
def test_sigterm_stores_what_is_in_the_ring(lab: Lab) -> None:
    sensor = lab.sensor()
    lab.flood("syn", 50_000)
    assert sensor.stop() == 0
    assert sensor.count() + sensor.lost == 50_000
    assert sensor.lost == 0


@live
def test_sighup_takes_blocks_and_policies_without_losing_a_packet(lab: Lab) -> None:
    sensor = lab.sensor()
    flood = lab.start(*lab.flood_words("syn", 150_000, rate=30_000))
    sensor.wait_for_packets(10_000)
    text = sensor.config.read_text()
    sensor.config.write_text(text + '[[block]]\nname = "D/24"\nprefix = "203.0.113.0/24"\npolicy = "reset"\n')
    sensor.process.send_signal(signal.SIGHUP)
    sensor.wait_for("was read again", DEADLINE)
    flood.communicate(timeout=DEADLINE)
    assert sensor.wait_for_books(150_000)[1] == 0
    ip(f"-n {lab.peer} route add 203.0.113.0/24 dev eth0")
    done = lab.run("curl", "-s", "-m", "2", "http://203.0.113.5/")
    assert done.returncode == 7  # refused: the new block resets
    sensor.wait_for_packets(1, "block D/24")
    assert {row["policy"] for row in sensor.answer("coverage") if row["block"] == "D/24"} == {"reset"}
    sensor.config.write_text("workers = 2\n" + text)
    sensor.process.send_signal(signal.SIGHUP)
    assert '"setting": "workers", "now": "1", "read": "2"' in sensor.wait_for("needs a restart", DEADLINE)
    sensor.config.write_text(text.replace("198.51.100.0/24", "198.51.100.0/33"))
    sensor.process.send_signal(signal.SIGHUP)
    assert "198.51.100.0/33" in sensor.wait_for("stays as it was", DEADLINE)
    lab.flood("syn", 1000, rate=20_000, seed=2)
    sensor.wait_for_packets(151_000, "block C/24")
    assert sensor.stop() == 0


@live
def test_the_interface_goes_down_and_comes_back(lab: Lab) -> None:
    sensor = lab.sensor()
    lab.flood("syn", 1000, rate=20_000)
    sensor.wait_for_packets(1000)
    ip(f"-n {lab.machine} link set eth0 down")
    sensor.wait_for("is down", DEADLINE)
    ip(f"-n {lab.machine} link set eth0 up")
    sensor.wait_for("is up again", DEADLINE)
    lab.flood("syn", 1000, rate=20_000, seed=2)
    sensor.wait_for_packets(2000)
    done = lab.run("curl", "-s", "-m", "1", "http://198.51.100.7/")
    assert done.returncode == 28
    sensor.wait_for_packets(1, "payload and verified")
    assert sensor.stop() == 0


@live
def test_an_interface_that_vanishes_ends_the_sensor_with_everything_stored(lab: Lab) -> None:
    sensor = lab.sensor()
    lab.flood("syn", 1000, rate=20_000)
    ip(f"-n {lab.machine} link del eth0")
    assert sensor.process.wait(DEADLINE) == 1
    assert "eth0 is gone" in "".join(sensor.said)
    assert sensor.count() == 1000
