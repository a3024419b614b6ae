"""A sensor's new name: everything is under it, whenever the renaming was cut off, and nothing is there twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import ims
from ims.store.last_hours import unfinished_hours
from ims.store.reader import Store
from ims.store.rename import rename_sensor
from ims.store.schema import rename_file
from ims.store.shipment import ShipmentRecord, write_shipped
from ims.store.store_id import read_store_id
from ims.store.writer import SensorWriter

from ..stores import cli, ingest
from .made import HOUR, NOON, coverage, packets, payloads, put

TABLES = ("packets", "payloads", "coverage")


@pytest.fixture
def store(tmp_path):
    """Sensor a with finished hours, hot ones, replaced files, what was ever seen; and another, which is left alone."""
    place = tmp_path / "S"
    other = SensorWriter(place, "other", lanes=1)
    put(other, "packets", packets([NOON], first=1000))
    other.checkpoint()
    other.finish(NOON)
    other.close()
    writer = SensorWriter(place, "a", lanes=1)
    for hour in range(3):
        now = NOON + hour * HOUR
        put(writer, "packets", packets([now, now + 1], first=2 * hour))
        put(writer, "payloads", payloads([now]))
        writer.seen.first_seen(np.full((1, 16), hour, np.uint8), np.array([now]))
        writer.checkpoint({"c": {"frames": hour}}, {"c": coverage(NOON, now + 2)}, publish_before_us=now)
    writer.close()
    return place


def rows(store, sensor):
    """What a reader is given of one sensor, by table."""
    found = {}
    with Store(store) as opened:
        for table in TABLES:
            files = [path for path in opened.files(table) if f"sensor={sensor}" in path.parts]
            found[table] = sorted(str(row) for file in files for row in pq.ParquetFile(file).read().to_pylist())
    return found


def names(store):
    """Every name that stands in a path of the store."""
    return {part for path in store.rglob("*") for part in path.parts if part.startswith("sensor=")}


def test_everything_is_under_the_new_name(store):
    before, others, known = rows(store, "a"), rows(store, "other"), read_store_id(store)
    assert all(before.values()) and unfinished_hours(store, "a")
    rename_sensor(store, "a", "b")
    assert rows(store, "b") == before
    assert rows(store, "other") == others
    assert names(store) == {"sensor=b", "sensor=other"}
    assert read_store_id(store) == known
    with ims.open(store) as telescope:
        assert {row["sensor"]: row["value"] for row in telescope.top("sensor").rows()} == {"b": 6, "other": 2 - 1}
    # It goes on under its new name: what was seen is known, its captures are, and its hours are finished.
    writer = SensorWriter(store, "b", lanes=1)
    assert writer.captures["c"]["frames"] == 2
    assert writer.seen.first_seen(np.full((1, 16), 1, np.uint8), np.array([NOON + 9 * HOUR])) == [NOON + HOUR]
    put(writer, "packets", packets([NOON + 3 * HOUR], first=6))
    writer.checkpoint({"c": {"frames": 3}}, {"c": coverage(NOON, NOON + 3 * HOUR + 1)})
    writer.finish(NOON)
    writer.close()
    assert len(rows(store, "b")["packets"]) == 7
    assert len(rows(store, "b")["coverage"]) == 1
    assert unfinished_hours(store, "b") == []
    assert names(store) == {"sensor=b", "sensor=other"}


def test_cut_off_anywhere_the_same_command_goes_on(store, tmp_path):
    before = rows(store, "a")
    stores, most = tmp_path / "killed", 60
    for step in range(1, most):
        shutil.copytree(store, stores / str(step))
    words = [sys.executable, "-m", "tests.store.killed_rename", stores, *map(str, range(1, most))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    whole = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert whole and min(whole) > 10, "the last steps are past the end, the first are not"
    half = 0
    for step in range(1, min(whole) + 1):
        place = stores / str(step)
        if rename_file(place).exists():
            half += 1
            for refused in (
                lambda p=place: Store(p),
                lambda p=place: SensorWriter(p, "a"),
                lambda p=place: SensorWriter(p, "c"),
            ):
                with pytest.raises(ValueError, match=r"`ims sensor rename a b --store .*` finishes it"):
                    refused()
            with pytest.raises(ValueError, match="renaming sensor 'a' to 'b' was cut off; first"):
                rename_sensor(place, "other", "c")
        elif (place / "_state" / "sensor=b").exists():
            assert rows(place, "b") == before
            continue
        rename_sensor(place, "a", "b")
        assert rows(place, "b") == before
        assert names(place) == {"sensor=b", "sensor=other"}
    assert half > 5


def test_what_cannot_be_renamed_is_left_as_it_is(store):
    def tree():
        return sorted((str(path), path.stat().st_mtime_ns if path.is_file() else 0) for path in store.rglob("*"))

    before = tree()
    for old, new, said in (
        ("c", "d", "has no sensor 'c'; it has a, other"),
        ("a", "other", "has a sensor 'other' already"),
        ("a", "a", "has a sensor 'a' already"),
        ("a", "../b", "sensor name '../b'"),
    ):
        with pytest.raises(ValueError, match=said):
            rename_sensor(store, old, new)
    assert tree() == before
    writer = SensorWriter(store, "a", lanes=1)
    with pytest.raises(ValueError, match="sensor 'a' is being written by process"):
        rename_sensor(store, "a", "b")
    writer.close()
    write_shipped(store, "a", ShipmentRecord("ab" * 16, "file:///lake", 1, {}))
    with pytest.raises(ValueError, match="sensor 'a' was shipped to file:///lake under this name"):
        rename_sensor(store, "a", "b")
    assert names(store) == {"sensor=a", "sensor=other"}


def test_the_command_says_what_else_needs_the_name_and_files_stay_their_owners(samples):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        Path(folder).chmod(0o755)
        _rename_by_command(ingest(Path(folder) / "S", samples[1], sensor="here"))


def _rename_by_command(store):
    if os.geteuid() == 0:
        for path in (store, *store.rglob("*")):
            os.chown(path, 4242, 4243)
    done = cli("sensor", "rename", "here", "sensor-a", "--store", store)
    assert (done.returncode, done.stdout) == (0, f"{store}: sensor here is sensor-a now\n")
    assert "certificate (`ims pki issue sensor-a --role sensor`) and the portal's registry" in done.stderr
    again = cli("sensor", "rename", "here", "sensor-a", "--store", store)
    assert again.returncode == 2
    assert again.stderr.splitlines()[-1] == f"ims: {store} has no sensor 'here'; it has sensor-a"
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in store.rglob("*")}
    assert owners == ({(4242, 4243)} if os.geteuid() == 0 else {(os.getuid(), os.getgid())})
    misplaced = cli("sensor", "--store", store, "rename", "here", "sensor-a")
    assert misplaced.returncode == 2 and "stand behind its name" in misplaced.stderr
