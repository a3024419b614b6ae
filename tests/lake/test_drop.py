"""Of a store that nobody writes, hours go by its limits once a lake has them, and not before."""

from __future__ import annotations

import pytest

from ims.lake.drop import drop_shipped
from ims.store.lock import WriterLock
from ims.store.reader import open_store
from ims.store.schema import state_folder
from ims.store.shipment import open_shipped, shipped_file
from tests.lake.shipped import ROWS, seen_by_us, ship, watched
from tests.store.made import HOUR, NOON, plain_files

LATER = NOON + 100 * HOUR


@pytest.fixture
def store(tmp_path):
    watched(tmp_path / "store", 3)
    return tmp_path / "store"


def hours(store):
    with open_store(store) as opened:
        return [(begin - NOON) // HOUR for begin in opened.hours("packets")]


def test_what_no_lake_has_stays_whatever_its_age(store):
    assert drop_shipped(store, "a", LATER, keep_age_us=0) == {"hours": 0, "bytes": 0}
    assert hours(store) == [0, 1, 2]


def test_what_a_lake_has_goes_by_age_and_by_size_and_its_files_with_it(store, tmp_path):
    ship(store, tmp_path / "lake")
    before = plain_files(store)
    assert drop_shipped(store, "a", LATER)["hours"] == 0  # no limits
    assert drop_shipped(store, "a", NOON + 3 * HOUR, keep_age_us=2 * HOUR)["hours"] == 1
    assert hours(store) == [1, 2]
    assert plain_files(store) == before[1:]
    assert drop_shipped(store, "a", LATER, keep_bytes=0)["hours"] == 2
    assert hours(store) == []
    assert seen_by_us(tmp_path / "lake") == list(range(3 * ROWS))


def test_an_hour_that_came_after_the_shipment_stays(store, tmp_path):
    ship(store, tmp_path / "lake")
    watched(store, 0).hour(3)
    assert drop_shipped(store, "a", LATER, keep_age_us=0)["hours"] == 3
    assert hours(store) == [3]


def test_the_store_remembers_as_of_which_shipment_it_dropped(store, tmp_path):
    ship(store, tmp_path / "lake")
    drop_shipped(store, "a", LATER, keep_age_us=0)
    shipped_file(store, "a").unlink()
    with pytest.raises(ValueError, match="files were dropped after"):
        open_shipped(store)


def test_a_sensor_that_a_process_writes_is_left_to_it(store, tmp_path):
    ship(store, tmp_path / "lake")
    lock = WriterLock(state_folder(store, "a"), "a")
    with pytest.raises(ValueError, match=r"sensor 'a' is being written by process .* keep_until_shipped = true"):
        drop_shipped(store, "a", LATER, keep_age_us=0)
    lock.release()
    assert drop_shipped(store, "a", LATER, keep_age_us=0)["hours"] == 3


def test_where_the_record_is_damaged_nothing_goes_and_the_lock_is_let_go_of(store, tmp_path):
    ship(store, tmp_path / "lake")
    shipped_file(store, "a").write_bytes(b"?")
    with pytest.raises(ValueError, match=r"shipped\.json is damaged"):
        drop_shipped(store, "a", LATER, keep_age_us=0)
    assert hours(store) == [0, 1, 2]
    WriterLock(state_folder(store, "a"), "a").release()
