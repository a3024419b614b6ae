"""Hours of sensors that no process writes any more are finished by whoever may."""

from __future__ import annotations

import pytest

from ims.store.last_hours import finish_last_hours, over_before, unfinished_hours
from ims.store.lock import WriterBusyError
from ims.store.reader import Store
from ims.store.writer import SensorWriter

from .made import HOUR, NOON, coverage, packets, put


@pytest.fixture
def killed(tmp_path):
    """A store whose sensor was killed in its third hour."""
    writer = SensorWriter(tmp_path / "S", "a", lanes=1)
    for hour in range(3):
        put(writer, "packets", packets([NOON + hour * HOUR], first=hour))
        writer.commit({"c": {"frames": hour}}, {"c": coverage(NOON, NOON + hour * HOUR + 1)})
    writer.close()
    return tmp_path / "S"


def plain(store):
    return sorted(str(path.relative_to(store)) for path in (store / "packets").rglob("*.parquet"))


def test_hours_that_are_over_are_finished_and_the_others_left(killed):
    before = over_before(NOON + 2 * HOUR + 61_000_000)
    assert unfinished_hours(killed, "a") == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    assert finish_last_hours(killed, "a", before) == [NOON, NOON + HOUR]
    assert [path.split("/")[3] for path in plain(killed)] == ["hour=12", "hour=13"]
    with Store(killed) as store:
        assert store.rows("packets") == 3
    assert finish_last_hours(killed, "a") == [NOON + 2 * HOUR]  # renamed or retired: its last hour too
    assert len(plain(killed)) == 3
    assert unfinished_hours(killed, "a") == []


def test_where_there_is_none_nothing_is_opened_for_writing(killed):
    finish_last_hours(killed, "a")
    before = {path: path.stat().st_mtime_ns for path in killed.rglob("*")}
    assert finish_last_hours(killed, "a") == []
    assert {path: path.stat().st_mtime_ns for path in killed.rglob("*")} == before


def test_a_sensor_that_is_written_finishes_them_itself(killed):
    writer = SensorWriter(killed, "a", lanes=1)
    with pytest.raises(WriterBusyError):
        finish_last_hours(killed, "a")
    writer.close()
    assert plain(killed) == []


def test_an_hour_waits_a_minute_for_what_is_on_its_way():
    assert over_before(NOON + 59_000_000) == NOON - HOUR
    assert over_before(NOON + 61_000_000) == NOON
    assert over_before(0) == 0
