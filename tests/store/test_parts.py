"""Lanes write each row once, to the part of its hour, and what fails in one is not passed over."""

import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ims.store import parts as parts_module
from ims.store.columns import conform
from ims.store.parts import OPEN_PARTS, Lane, OpenPart
from ims.store.schema import part_of, stored_schema
from tests.store.full_disk import files_end_at
from tests.store.made import HOUR, NOON, packets, payloads, sources


@pytest.fixture
def lane(tmp_path):
    lane = Lane(tmp_path, "a", 0)
    yield lane
    lane.stop()


def write(lane, table, time="time"):
    name = "packets" if time == "time" else "payloads"
    return lane.submit(lambda lane: lane.write(name, time, table))


def files_of(store):
    return sorted(str(file.relative_to(store)) for file in store.rglob("*") if file.is_file())


def test_rows_go_to_one_part_an_hour_and_nothing_counts_before_seal(tmp_path, lane):
    write(lane, packets([NOON, NOON + HOUR, NOON + 1], first=0))
    write(lane, packets([NOON + 2, NOON + HOUR + 1], first=3))
    done = lane.seal()
    assert sorted(done) == files_of(tmp_path)
    assert {part_of(path).since_us: size["rows"] for path, size in done.items()} == {NOON: 3, NOON + HOUR: 2}
    assert all(part_of(path).hot for path in done)
    assert [(tmp_path / path).stat().st_size for path in done] == [size["bytes"] for size in done.values()]
    assert sources(tmp_path / path for path in done) == [0, 1, 2, 3, 4]
    assert lane.seal() == {}


def test_a_part_takes_rows_with_and_without_dictionaries(tmp_path, lane):
    packed = packets([NOON] * 4)
    dense = conform(packets([NOON] * 3, first=4), stored_schema("packets"))
    for table in (packed, dense, packed.slice(0, 0), packets([NOON], first=7)):
        write(lane, table)
    [(path, size)] = lane.seal().items()
    assert size["rows"] == 8
    found = pq.ParquetFile(tmp_path / path).read()
    assert sorted(found.column("source").to_pylist()) == list(range(8))
    assert set(found.column("block").to_pylist()) == {"C/24"}


def test_dense_first_then_packed_is_the_same(tmp_path, lane):
    write(lane, conform(packets([NOON] * 3), stored_schema("packets")))
    write(lane, packets([NOON] * 3, first=3))
    [path] = lane.seal()
    assert sources([tmp_path / path]) == list(range(6))


def test_times_that_jump_about_never_hold_more_parts_open_than_allowed(tmp_path, lane):
    opened = []
    for number in range(3 * OPEN_PARTS):
        hour = number * 7 % (2 * OPEN_PARTS)
        write(lane, packets([NOON + hour * HOUR], first=number))
        lane.submit(lambda lane: opened.append(len(lane._open)))
    done = lane.seal()
    assert max(opened) == OPEN_PARTS
    assert sources(tmp_path / path for path in done) == list(range(3 * OPEN_PARTS))
    assert sorted(done) == files_of(tmp_path)


def test_the_part_unused_longest_is_closed_first(tmp_path, lane, monkeypatch):
    monkeypatch.setattr(parts_module, "OPEN_PARTS", 2)
    for number, hour in enumerate([0, 1, 0, 2, 0]):
        write(lane, packets([NOON + hour * HOUR], first=number))
    rows = [(part_of(path).since_us - NOON) // HOUR for path in lane.seal()]
    assert sorted(rows) == [0, 1, 2]  # hour 0 stayed open all the time, hour 1 went


def test_a_part_is_synced_and_its_folders_too(tmp_path, lane, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), fsync(fd))[1]
    )
    write(lane, packets([NOON]))
    [path] = lane.seal()
    file = tmp_path / path
    assert {str(place) for place in [file, *file.parents] if place.is_relative_to(tmp_path)} <= set(synced)
    assert synced.index(str(file)) < len(synced) - 1 - synced[::-1].index(str(file.parent))  # the name after the file


def test_what_a_write_raised_is_raised_by_every_later_call(tmp_path, lane):
    with files_end_at(100):
        write(lane, packets([NOON] * 5000)).exception()
        with pytest.raises(OSError, match="File too large"):
            lane.seal()
    for _ in range(2):
        with pytest.raises(OSError, match="File too large"):
            _ = lane.waiting
        write(lane, packets([NOON]))
        with pytest.raises(OSError, match="File too large"):
            lane.seal()


@pytest.mark.parametrize("size", [0, 3, 1000])
def test_a_part_that_could_not_be_written_is_removed(tmp_path, size):
    lane = Lane(tmp_path, "a", 0)
    with files_end_at(size):
        assert isinstance(write(lane, packets(list(range(5000)))).exception(), OSError)
    lane.stop()
    assert files_of(tmp_path) == []


def test_stop_removes_what_was_not_sealed(tmp_path, lane, monkeypatch):
    monkeypatch.setattr(parts_module, "OPEN_PARTS", 1)
    write(lane, packets([NOON, NOON + HOUR]))
    lane.submit(lambda lane: None).result()
    assert len(files_of(tmp_path)) == 2
    lane.stop()
    assert files_of(tmp_path) == []


def test_waiting_counts_what_is_not_done(lane):
    gate = threading.Event()
    for _ in range(3):
        lane.submit(lambda lane: gate.wait())
    assert lane.waiting == 3
    gate.set()
    lane.seal()
    assert lane.waiting == 0


def test_payloads_go_by_their_first_seen(tmp_path, lane):
    write(lane, payloads([NOON + HOUR - 1, NOON + HOUR]), "first_seen")
    assert [part_of(path).since_us for path in lane.seal()] == [NOON, NOON + HOUR]


def test_a_part_refuses_rows_of_another_table(tmp_path):
    part = OpenPart(tmp_path, "_hot/x.parquet", "packets", stored_schema("packets"))
    with pytest.raises((KeyError, IndexError, ValueError, pa.ArrowException)):
        part.write(payloads([NOON]))
    part.discard()
    assert files_of(tmp_path) == []
