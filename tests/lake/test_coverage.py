"""The lake's coverage claims no more than the lake has."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pyarrow.parquet as pq
import pytest

from ims.lake.coverage import covered
from ims.store.damage import DamageError
from ims.store.reader import open_store
from ims.store.schema import state_folder
from ims.store.writer import SensorWriter
from tests.lake.shipped import seen_by_others, ship, watched
from tests.store.made import HOUR, NOON, packets, put


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def files_of(store):
    with open_store(store) as opened:
        return dict(opened._snapshots["a"].state.files)


def periods(found):
    rows = pq.read_table(io.BytesIO(found.content)).to_pylist()
    return [
        ((row["since"].timestamp() * 1e6 - NOON) / HOUR, (row["until"].timestamp() * 1e6 - NOON) / HOUR) for row in rows
    ]


def test_a_sensor_without_coverage_has_none_to_ship(store):
    writer = SensorWriter(store, "a", lanes=1)
    put(writer, "packets", packets(np.array([NOON])))
    writer.checkpoint(publish_before_us=NOON + HOUR)
    writer.close()
    assert covered(store, "a", files_of(store)) is None


def test_the_same_rows_have_the_same_name_which_is_of_their_octets(store):
    watched(store, 2)
    found = covered(store, "a", files_of(store))
    assert covered(store, "a", files_of(store)) == found
    digest = hashlib.sha256(found.content).hexdigest()[:32]
    assert found.name == f"coverage/sensor=a/date=2026-03-05/hour=12/{digest}.parquet"
    assert (found.rows, periods(found)) == (1, [(0, 2)])
    assert not list(state_folder(store, "a").glob("coverage.shipped*"))


def test_it_ends_where_the_first_hour_begins_that_is_not_finished(store):
    sensor = watched(store, 1)
    sensor.hour(3, finish=False)
    assert periods(covered(store, "a", files_of(store))) == [(0, 3)]
    sensor.hour(1)  # finished, and the third hour still isn't
    assert periods(covered(store, "a", files_of(store))) == [(0, 3)]
    sensor.hour(3)
    assert periods(covered(store, "a", files_of(store))) == [(0, 4)]


def test_a_sensor_of_which_nothing_is_finished_claims_nothing(store):
    watched(store, 0).hour(0, finish=False)
    assert covered(store, "a", files_of(store)) is None


def test_a_shipped_hour_that_was_dropped_here_still_counts_as_finished(store):
    """Late packets of an hour before it cut nothing that the lake has."""
    sensor = watched(store, 0)
    sensor.hour(1)
    files = files_of(store)
    gone = [path for path in files if path.startswith("packets")]
    sensor.hour(0, finish=False)
    left = {path: size for path, size in files_of(store).items() if path not in gone}
    assert covered(store, "a", left) is None
    assert periods(covered(store, "a", left, gone)) == [(0, 2)]


def test_damaged_coverage_is_refused(store):
    watched(store, 1)
    files = files_of(store)
    path = next(path for path in files if "coverage" in path)
    octets = (store / path).read_bytes()
    (store / path).write_bytes(octets[:100] + bytes([octets[100] ^ 1]) + octets[101:])
    with pytest.raises(DamageError, match="aren't those that were written"):
        covered(store, "a", files)


def test_coverage_that_is_a_link_is_not_read(store):
    watched(store, 1)
    files = files_of(store)
    path = next(path for path in files if "coverage" in path)
    (store / path).rename(store / "aside")
    (store / path).symlink_to(store / "aside")
    with pytest.raises(OSError, match="it is a link"):
        covered(store, "a", files)


def test_late_packets_that_are_not_finished_do_not_cut_coverage(store, uri):
    watched(store, 3).hour(0, finish=False)
    ship(store, uri)
    assert [time.timestamp() for time in seen_by_others(uri, "coverage", "until")] == [(NOON + 3 * HOUR) / 1e6]


def test_coverage_ends_before_an_hour_that_goes_on_after_it_was_finished(tmp_path):
    """A sensor that is stopped finishes its last hour; started again, it goes on in it."""
    sensor = watched(tmp_path / "S", hours=2)
    sensor.hour(1, finish=False)
    ship(tmp_path / "S", str(tmp_path / "LAKE"))
    [until] = seen_by_others(str(tmp_path / "LAKE"), "coverage", "until")
    assert int(until.timestamp()) * 10**6 == NOON + HOUR
    sensor.hour(1)
    ship(tmp_path / "S", str(tmp_path / "LAKE"))
    [until] = seen_by_others(str(tmp_path / "LAKE"), "coverage", "until")
    assert int(until.timestamp()) * 10**6 == NOON + 2 * HOUR
    assert seen_by_others(str(tmp_path / "LAKE")) == sensor.sources
