"""What a sensor says of itself once a second: from its counters, and as a real process that replays a capture."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ims.sensor import daemon
from ims.sensor.config import checked
from ims.sensor.heartbeat import LOSING_SECONDS, Heartbeats
from ims.sensor.state import State
from ims.store.heartbeat import Beat, Heartbeat, read_heartbeat
from ims.store.liveness import liveness
from ims.store.schema import create_store, state_folder

from ..stores import BLOCK, IMS, MIDNIGHT, udp, write_pcap

DEADLINE = 120


@pytest.fixture
def store(tmp_path: Path) -> Path:
    create_store(tmp_path / "S")
    state_folder(tmp_path / "S", "a").mkdir(parents=True)
    return tmp_path / "S"


class Sensor:
    """Counters that a test sets, and a clock."""

    def __init__(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_772_582_400.0
        monkeypatch.setattr(time, "time", lambda: self.now)
        self.state = State(interfaces={"eth0": True})
        self.heartbeats = Heartbeats(store, "a", lambda: self.state, replay=False)

    def beat(self, seconds: float = 1.0, **counted: object) -> Beat:
        self.now += seconds
        for name, value in counted.items():
            setattr(self.state, name, value)
        return self.heartbeats.beat()


@pytest.fixture
def sensor(store: Path, monkeypatch: pytest.MonkeyPatch) -> Sensor:
    return Sensor(store, monkeypatch)


def test_what_is_lost_is_being_lost_for_a_while_after_the_last_loss(sensor: Sensor) -> None:
    began = sensor.now
    assert sensor.beat().losing_since is None
    first = sensor.beat(lost_in_ring=5)
    assert (first.losing_since, first.lost_now) == (began + 1, 5)  # it was lost after the beat before
    again = sensor.beat(LOSING_SECONDS - 1, lost_in_ring=7)
    assert (again.losing_since, again.lost_now) == (began + 1, 7)
    assert sensor.beat(LOSING_SECONDS - 1).losing_since == began + 1
    assert sensor.beat().losing_since is None
    assert sensor.beat(not_stored=1).lost_now == 1


def test_a_store_that_fails_has_done_so_since_it_began_to(sensor: Sensor) -> None:
    began = sensor.now
    assert sensor.beat(lost_in_ring=3).storing_since == began
    failing = sensor.beat(store_failing="No space left on device", not_stored=10)
    assert (failing.storing, failing.storing_since, failing.lost_now) == (False, began + 2, 10)
    later = sensor.beat(60, not_stored=50)
    assert (later.storing_since, later.lost_now, later.why) == (began + 2, 50, "No space left on device")
    assert sensor.beat(store_failing=None).storing_since == began + 63


def test_payloads_that_are_not_stored_are_told(sensor: Sensor) -> None:
    assert sensor.beat(payloads_wanted=False).payloads_since == sensor.now
    since = sensor.now
    assert sensor.beat(5).payloads_since == since
    assert sensor.beat(payloads_wanted=True).payloads_since is None


def test_it_is_down_where_no_interface_is_up(sensor: Sensor) -> None:
    assert sensor.beat(interfaces={"eth0": False, "eth1": True}).down == ()
    assert sensor.beat(interfaces={"eth0": False, "eth1": False}).down == ("eth0", "eth1")


def test_the_last_packet_is_known_after_a_restart(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Heartbeat(store, "a")
    before.write(Beat(time=1.0, began=1.0, storing_since=1.0, last_packet=123.0))
    before.close()
    sensor = Sensor(store, monkeypatch)
    assert sensor.beat().last_packet == 123.0
    assert sensor.beat(newest_us=456_000_000).last_packet == 456.0


def test_a_store_that_cannot_be_written_is_tried_again(store: Path) -> None:
    state_folder(store, "a").rmdir()
    heartbeats = Heartbeats(store, "a", State, replay=False)
    heartbeats.start()
    limit = time.monotonic() + DEADLINE
    while not heartbeats.complaint:
        assert time.monotonic() < limit
    state_folder(store, "a").mkdir()
    while read_heartbeat(store, "a") is None:
        assert time.monotonic() < limit
    heartbeats.stop(in_order=True)
    assert (heartbeats.failure, heartbeats.complaint) == (None, "")


def test_a_fault_of_our_own_ends_the_sensor(store: Path) -> None:
    def faulty() -> State:
        raise ZeroDivisionError("a fault")

    heartbeats = Heartbeats(store, "a", faulty, replay=False)
    heartbeats.start()
    heartbeats.stop(in_order=True)
    assert isinstance(heartbeats.failure, ZeroDivisionError)
    block = {"name": "all", "prefix": "0.0.0.0/0"}
    sensor = daemon.Sensor(
        checked({"name": "a", "store": str(store), "interfaces": ["none"], "block": [block]}), "none"
    )
    sensor._heartbeats = heartbeats
    assert sensor._failure() == ("the heartbeat", heartbeats.failure)


def test_a_replay_is_told_from_a_sensor_and_a_stop_from_a_death(tmp_path: Path) -> None:
    store, pipe = tmp_path / "S", tmp_path / "pipe"
    capture = write_pcap(tmp_path / "c.pcap", [(MIDNIGHT, udp(0x01020304, 0xC6336407, 53, b"hello"))])
    os.mkfifo(pipe)
    words = [IMS, "sensor", "--replay", pipe, "--speed", "0", "--store", store, "--sensor", "a", "--block", BLOCK]
    for end, state in ((signal.SIGTERM, "stopped"), (signal.SIGKILL, "died")):
        with subprocess.Popen(words, stderr=subprocess.PIPE) as process, pipe.open("wb") as writing:
            writing.write(capture.read_bytes())
            writing.flush()
            limit = time.monotonic() + DEADLINE
            while not (store / "_state").exists() or liveness(store, "a").state != "replaying":
                assert process.poll() is None
                assert time.monotonic() < limit
            while (heard := read_heartbeat(store, "a")) is None or heard.beat.last_packet is None or heard.beat.ended:
                assert time.monotonic() < limit  # the first beat follows the lock
            assert heard.beat.last_packet == MIDNIGHT / 1e9
            assert liveness(store, "a").losses(None, None) == []
            process.send_signal(end)
            process.wait(DEADLINE)
        assert liveness(store, "a").state == state
