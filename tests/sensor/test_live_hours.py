"""The clock finishes a live sensor's hours, not traffic; the last one is finished when it stops."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ims.simulate.namespaces import may_make_namespaces
from ims.store.last_hours import unfinished_hours
from ims.store.writer import SensorWriter

from ..store.made import HOUR, packets, put
from ..stores import cli
from .lab import DEADLINE, Lab, Sensor

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)


def finished(sensor: Sensor) -> list[Path]:
    return sorted((sensor.store / "packets").rglob("*.parquet"))


def killed_an_hour_ago(store: Path) -> None:
    """A store with two hours, which a sensor that was killed then left unfinished."""
    now = time.time_ns() // 1000
    writer = SensorWriter(store, "a", lanes=1)
    put(writer, "packets", packets([now - 3 * HOUR, now - 3 * HOUR + 1]))
    put(writer, "packets", packets([now - 2 * HOUR], first=2))
    writer.commit()
    writer.close()


def test_an_hour_is_finished_without_a_newer_packet_and_the_last_one_at_the_stop(lab: Lab) -> None:
    killed_an_hour_ago(lab.folder / "STORE")
    sensor = lab.sensor(settings='user = "root"')
    end = time.monotonic() + DEADLINE
    while len(finished(sensor)) < 2:  # no packet has come
        assert time.monotonic() < end, "".join(sensor.said)
        assert sensor.process.poll() is None, "".join(sensor.said)
    lab.flood("syn", 1000)
    sensor.wait_for_packets(1003)
    assert len(unfinished_hours(sensor.store, "a")) >= 1
    assert sensor.stop() == 0
    assert unfinished_hours(sensor.store, "a") == []
    assert len(finished(sensor)) >= 3
    assert sensor.count() == 1003


def test_the_shipper_finishes_the_hours_of_a_sensor_that_was_killed(tmp_path: Path) -> None:
    killed_an_hour_ago(tmp_path / "S")
    done = cli("ship", "--store", tmp_path / "S", "--to", tmp_path / "LAKE", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert unfinished_hours(tmp_path / "S", "a") == []
    found = cli("query", "count", "--lake", tmp_path / "LAKE", "--format", "json")
    assert '"packets": 3' in found.stdout
