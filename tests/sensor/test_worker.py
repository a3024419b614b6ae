"""A worker whose replies can't leave: it says so, counts it, and goes on taking frames. No root is needed."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ims.sensor.config import checked
from ims.sensor.daemon import Sensor
from ims.sensor.metrics import Metrics
from ims.sensor.replay import NoWire
from ims.telescope import Telescope

from ..made.sample import write_sample


def sensor_of(folder: Path) -> Sensor:
    write_sample(folder / "dark.pcap", packets=20_000, seed=3)
    block = {"name": "C/24", "prefix": "198.51.100.0/24"}
    data = {"name": "a", "store": folder / "STORE", "interfaces": ["replay"], "block": [block]}
    return Sensor(checked(data), str(folder / "dark.pcap"), 0)


@pytest.mark.parametrize("number", [errno.ENETDOWN, errno.ENOBUFS, errno.EIO])
def test_capture_and_storing_go_on_when_sending_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    tries = []

    def fail(wire: NoWire) -> None:
        tries.append(wire)
        raise OSError(number, "broken")

    monkeypatch.setattr(NoWire, "send", fail)
    sensor = sensor_of(tmp_path)
    sensor.open()
    with capture_logs() as said:
        sensor.run()
    assert 1 <= len(tries) < 10  # responding stops by itself: not once for each of the batches
    errors = [line for line in said if line["log_level"] == "error"]
    assert [line["event"] for line in errors] == ["replies can't leave; capture goes on"]
    assert errors[0]["reason"] == "broken"
    state = sensor.state()
    assert (state.stored, state.not_stored, state.lost_in_ring) == (20_000, 0, 0)
    assert state.send_failing == {"replay-0": "broken"}
    registry = CollectorRegistry()
    registry.register(Metrics(sensor.state))
    assert registry.get_sample_value("ims_workers_silenced") == 1
    assert registry.get_sample_value("ims_packets_stored_total") == 20_000
    with Telescope(tmp_path / "STORE") as telescope:
        assert telescope.count().rows()[0]["packets"] == 20_000


def test_it_tries_again_and_says_when_replies_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ims.sensor.worker.SEND_AGAIN_SECONDS", 0.0)
    send, tries = NoWire.send, []

    def fail_once(wire: NoWire) -> None:
        tries.append(wire)
        if len(tries) == 1:
            raise OSError(errno.ENOBUFS, "broken")
        send(wire)

    monkeypatch.setattr(NoWire, "send", fail_once)
    sensor = sensor_of(tmp_path)
    sensor.open()
    with capture_logs() as said:
        sensor.run()
    events = [line["event"] for line in said if line["event"].startswith("replies")]
    assert events == ["replies can't leave; capture goes on", "replies leave again"]
    assert sensor.state().send_failing == {}
    assert sensor.state().stored == 20_000
