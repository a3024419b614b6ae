"""A retired sensor: its last hour is finished, its packets are told, and nobody writes under its name by mistake."""

from __future__ import annotations

import pytest

import ims
from ims.store.heartbeat import Beat, Heartbeat
from ims.store.last_hours import unfinished_hours
from ims.store.liveness import liveness, losses_of
from ims.store.manifest import Snapshot
from ims.store.retirement import retire_sensor, take_back
from ims.store.schema import state_folder
from ims.store.shipment import ShipmentRecord, write_shipped
from ims.store.writer import SensorWriter

from ..stores import cli
from .made import HOUR, NOON, coverage, packets, put


@pytest.fixture
def store(tmp_path):
    """A sensor that was killed in its second hour."""
    place = tmp_path / "S"
    writer = SensorWriter(place, "a", lanes=1)
    for hour in range(2):
        put(writer, "packets", packets([NOON + hour * HOUR], first=hour))
        until = NOON + hour * HOUR + 1
        writer.checkpoint(
            {"c": {"frames": hour, "until_us": until}}, {"c": coverage(NOON, until)}, publish_before_us=NOON + HOUR
        )
    heartbeat = Heartbeat(place, "a")
    heartbeat.write(Beat(time=NOON / 1e6 + 3600, began=NOON / 1e6, storing_since=NOON / 1e6))
    heartbeat.close()
    writer.close()
    return place


def test_its_last_hour_is_finished_and_its_packets_are_told(store):
    assert unfinished_hours(store, "a") == [NOON, NOON + HOUR] or unfinished_hours(store, "a") == [NOON + HOUR]
    done = retire_sensor(store, "a")
    assert done.until_us == NOON + HOUR + 1
    assert done.hours >= 1 and unfinished_hours(store, "a") == []
    assert done.lake == "" and len(done.unshipped) == 2
    with ims.open(store) as telescope:
        assert telescope.count().rows()[0]["packets"] == 2
        assert telescope.coverage().rows()[-1]["until"].timestamp() * 1e6 == pytest.approx(NOON + HOUR + 1, abs=1)
    assert retire_sensor(store, "a").hours == 0, "once more is no mistake"


def test_a_killed_one_no_longer_counts_as_losing(store):
    assert liveness(store, "a").state == "died" and losses_of(store, ["a"], None, None)
    retire_sensor(store, "a")
    assert liveness(store, "a").state == "stopped"
    assert losses_of(store, ["a"], None, None) == {}


def test_a_writer_that_comes_back_is_told(store):
    retire_sensor(store, "a")
    with pytest.raises(ValueError, match=r"sensor 'a' of .* is retired; expected another name, or .*--undo"):
        SensorWriter(store, "a")
    assert take_back(store, "a") and not take_back(store, "a")
    SensorWriter(store, "a", lanes=1).close()


def test_one_that_runs_or_isnt_there_is_not_retired(store):
    writer = SensorWriter(store, "a", lanes=1)
    with pytest.raises(ValueError, match="is being written by process"):
        retire_sensor(store, "a")
    writer.close()
    with pytest.raises(ValueError, match="has no sensor 'b'; it has a"):
        retire_sensor(store, "b")
    SensorWriter(store, "a", lanes=1).close()  # still in use


def test_what_is_left_to_ship_is_named(store):
    snapshot = Snapshot(state_folder(store, "a"))
    first = next(path for path in snapshot.state.files if path.startswith("packets/"))
    snapshot.close()
    write_shipped(store, "a", ShipmentRecord("ab" * 16, "file:///lake", 1, {first: 1}))
    done = cli("sensor", "retire", "a", "--store", store)
    assert done.returncode == 0, done.stderr
    said, *left = done.stdout.splitlines()
    assert said == f"{store}: sensor a is retired; it watched until 2026-03-05T13:00:00Z, 1 hour finished now"
    assert left[0] == "not in file:///lake yet, `ims ship` takes it there: 1 file"
    assert left[1].startswith("  packets/sensor=a/date=2026-03-05/hour=13/") and len(left) == 2
    assert cli("sensor", "retire", "a", "--store", store, "--undo").stdout == f"{store}: sensor a may write again\n"
