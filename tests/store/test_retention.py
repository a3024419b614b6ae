"""The oldest hours go first, payloads with the last packets of their day, and no further than asked."""

import pytest

from ims.settings.durations import DAY_US, HOUR_US
from ims.store.manifest import Manifest, Snapshot
from ims.store.retention import retain
from ims.store.schema import hour_folder, part_of

DAY = 20_000 * 24


@pytest.fixture
def manifest(tmp_path):
    (tmp_path / "state").mkdir()
    manifest = Manifest(tmp_path, tmp_path / "state")
    yield manifest
    manifest.close()


def add(manifest, table, hour, size=100, hot=False):
    path = f"{'_hot/' if hot else ''}{hour_folder(table, 'a', hour)}/{table}{hour}.parquet"
    file = manifest._store / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x")
    manifest.commit(add={path: {"rows": 1, "bytes": size}})
    return file


def hours_left(manifest, table="packets"):
    parts = [part_of(path) for path in manifest.state.files]
    return sorted(part.since_us // HOUR_US - DAY for part in parts if part and part.table == table)


def test_an_hour_goes_when_all_of_it_is_older_than_the_age(manifest):
    for hour in range(5):
        add(manifest, "packets", DAY + hour)
    now = (DAY + 10) * HOUR_US
    assert retain(manifest, now, keep_age_us=8 * HOUR_US + 1) == {"hours": 1, "bytes": 100}
    assert hours_left(manifest) == [1, 2, 3, 4]
    assert retain(manifest, now, keep_age_us=8 * HOUR_US) == {"hours": 1, "bytes": 100}
    assert hours_left(manifest) == [2, 3, 4]
    assert retain(manifest, now, keep_age_us=DAY_US) == {"hours": 0, "bytes": 0}


def test_without_limits_nothing_goes(manifest):
    add(manifest, "packets", 0)
    assert retain(manifest, 10**18) == {"hours": 0, "bytes": 0}


def test_the_oldest_go_until_the_rest_fits(manifest):
    for hour in (3, 0, 2, 1):
        add(manifest, "packets", DAY + hour, size=100)
    add(manifest, "coverage", DAY, size=50)
    add(manifest, "packets", DAY + 9, size=25, hot=True)
    assert retain(manifest, 0, keep_bytes=475) == {"hours": 0, "bytes": 0}
    assert retain(manifest, 0, keep_bytes=474) == {"hours": 1, "bytes": 100}
    assert retain(manifest, 0, keep_bytes=200) == {"hours": 2, "bytes": 200}
    assert hours_left(manifest) == [3, 9]
    assert hours_left(manifest, "coverage") == [0]


def test_hours_that_are_not_finished_stay(manifest):
    hot = add(manifest, "packets", DAY, hot=True)
    assert retain(manifest, 10**18, keep_age_us=0, keep_bytes=0) == {"hours": 0, "bytes": 0}
    assert hot.exists()


def test_payloads_stay_until_the_last_hour_of_packets_of_their_day_goes(manifest):
    for hour in (0, 5, 23):
        add(manifest, "packets", DAY + hour)
        add(manifest, "payloads", DAY + hour)
    add(manifest, "packets", DAY + 24)
    add(manifest, "payloads", DAY + 24)
    now = (DAY + 48) * HOUR_US
    retain(manifest, now, keep_age_us=26 * HOUR_US)
    assert hours_left(manifest) == [23, 24]
    assert hours_left(manifest, "payloads") == [0, 5, 23, 24]
    assert retain(manifest, now, keep_age_us=24 * HOUR_US) == {"hours": 1, "bytes": 400}
    assert hours_left(manifest, "payloads") == [24]


def test_packets_that_are_not_finished_hold_the_payloads_of_their_day(manifest):
    add(manifest, "packets", DAY)
    add(manifest, "payloads", DAY)
    add(manifest, "packets", DAY + 1, hot=True)
    assert retain(manifest, 10**18, keep_age_us=0) == {"hours": 1, "bytes": 100}
    assert hours_left(manifest, "payloads") == [0]


def test_raw_frames_go_with_their_hour(manifest):
    add(manifest, "packets", DAY)
    add(manifest, "frames_raw", DAY)
    assert retain(manifest, 10**18, keep_age_us=0) == {"hours": 1, "bytes": 200}
    assert hours_left(manifest, "frames_raw") == []


def test_the_first_hour_that_may_not_go_keeps_all_later_ones(manifest):
    files = [add(manifest, "packets", DAY + hour).relative_to(manifest._store) for hour in range(4)]
    may_go = {str(files[0]), str(files[1]), str(files[3])}
    assert retain(manifest, 10**18, keep_age_us=0, may_go=may_go.__contains__) == {"hours": 2, "bytes": 200}
    assert retain(manifest, 10**18, keep_bytes=0, may_go=may_go.__contains__) == {"hours": 0, "bytes": 0}
    assert hours_left(manifest) == [2, 3]


def test_an_hour_with_a_late_part_waits_for_it(manifest):
    add(manifest, "packets", DAY)
    add(manifest, "packets", DAY, hot=True)
    assert retain(manifest, 10**18, keep_age_us=0, may_go=lambda path: True) == {"hours": 0, "bytes": 0}
    assert retain(manifest, 10**18, keep_age_us=0) == {"hours": 1, "bytes": 100}


def test_payloads_that_may_not_go_keep_the_last_hour_of_their_day(manifest):
    for hour in (0, 1):
        add(manifest, "packets", DAY + hour)
    add(manifest, "payloads", DAY)
    assert retain(manifest, 10**18, keep_age_us=0, may_go=lambda path: "payloads" not in path)["hours"] == 1
    assert hours_left(manifest) == [1]
    assert retain(manifest, 10**18, keep_age_us=0, may_go=lambda path: True) == {"hours": 1, "bytes": 200}
    assert hours_left(manifest, "payloads") == []


def test_files_and_empty_folders_go_but_nothing_that_others_put_there(manifest):
    gone, kept = add(manifest, "packets", DAY), add(manifest, "packets", DAY + 24)
    note = kept.with_name("notes.txt")
    note.write_text("mine")
    retain(manifest, 10**18, keep_age_us=0)
    assert not gone.parent.parent.exists()
    assert not kept.exists()
    assert note.read_text() == "mine"


def test_a_reader_keeps_its_files_and_the_folders_go_after_it(manifest, tmp_path):
    file = add(manifest, "packets", DAY)
    reader = Snapshot(tmp_path / "state")
    retain(manifest, 10**18, keep_age_us=0)
    assert file.exists()
    reader.close()
    manifest.collect()
    assert not file.parent.parent.exists()
