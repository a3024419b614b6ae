"""Looking at a whole store: what is damaged, missing or listed by nothing is told; what is whole and in the making isn't."""

import shutil

import numpy as np
import pytest

from ims.store.damage import DamageError, remedy_of
from ims.store.heartbeat import Heartbeat
from ims.store.manifest import listed_files
from ims.store.schema import create_store
from ims.store.verify import Progress, bad_heartbeats, unlisted_files, verify_store
from ims.store.writer import SensorWriter
from tests.store.made import HOUR, NOON, of_an_earlier_version, packets, payloads, put


@pytest.fixture
def store(tmp_path):
    writer = SensorWriter(tmp_path / "S", "a", lanes=1)
    put(writer, "packets", packets([NOON - HOUR, NOON]))
    put(writer, "payloads", payloads([NOON]))
    writer.checkpoint(publish_before_us=NOON)
    writer.close()
    return tmp_path / "S"


def found(store):
    return [(fault.file, fault.kind) for fault in verify_store(store).faults]


def test_a_whole_store_is_whole_while_it_is_written_too(store):
    seen = []
    result = verify_store(store, seen.append)
    assert result.is_whole
    assert (result.files, result.without_checksum, result.faults) == (3, 0, [])
    assert seen[-1] == Progress(result.octets, result.octets)
    writer = SensorWriter(store, "a", lanes=1)
    put(writer, "packets", packets([NOON]))
    writer._lanes[0]._pending[0].result()  # a part that nothing lists yet
    assert verify_store(store).faults == []
    writer.close()


def test_hours_that_a_writer_removes_while_they_are_listed_are_no_fault(tmp_path):
    hours = [tmp_path / f"packets/sensor=a/date=2026-03-05/hour=0{n}" for n in range(3)]
    for hour in hours:
        hour.mkdir(parents=True)
        (hour / "x.parquet").touch()
    listed = listed_files(tmp_path / "_state/sensor=a")
    first = next(listed)
    for hour in set(hours) - {first.parent}:
        shutil.rmtree(hour)
    assert list(listed) == []


def test_an_empty_store_is_whole(tmp_path):
    create_store(tmp_path / "S")
    assert verify_store(tmp_path / "S").is_whole


def test_what_was_compared_before_is_read_again(store):
    file = next(store.glob("packets/**/*.parquet"))
    assert found(store) == []
    octets = bytearray(file.read_bytes())
    octets[9] ^= 1
    file.write_bytes(octets)
    assert found(store) == [(str(file), "damaged")]
    file.unlink()
    assert found(store) == [(str(file), "missing")]
    file.symlink_to("/dev/null")
    assert found(store) == [(str(file), "unreadable")]


def test_files_that_nothing_lists_are_told_from_what_a_killed_writer_left(store):
    hour = next(store.glob("packets/**/*.parquet")).parent
    orphan = hour / "copy.parquet"
    orphan.write_bytes(b"x")
    left = store / "_hot/packets/sensor=a/date=2026-03-05/hour=12" / f"{'0' * 32}.parquet"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"x")
    assert found(store) == [(str(left), "leftover"), (str(orphan), "unlisted")]
    assert unlisted_files(store) == [str(orphan)]
    orphan.unlink()
    assert verify_store(store).is_whole
    SensorWriter(store, "a", lanes=1).close()
    assert not left.exists()


def test_each_sensor_s_records_are_looked_at(store):
    folder = store / "_state/sensor=a"
    (folder / "manifest.head").write_bytes(b"?")
    (folder / "shipped.json").write_bytes(b"{")
    (folder / "heartbeat").write_bytes(b"?" * 4096)
    (store / "_state/store_id").write_bytes(b"0" * 32 + b" 01234567\n")
    names = ["_state/store_id", *(f"_state/sensor=a/{name}" for name in ("shipped.json", "manifest.head", "heartbeat"))]
    assert found(store) == [(str(store / name), "damaged") for name in names]


def test_an_emptied_heartbeat_is_told_of_where_nobody_writes(store):
    heartbeat = store / "_state/sensor=a/heartbeat"
    heartbeat.touch()
    assert found(store) == [(str(heartbeat), "damaged")]
    assert [damage.file for damage in bad_heartbeats(store)] == [heartbeat]
    writer = SensorWriter(store, "a", lanes=1)  # which has made it just now, or waits for room to fill it
    assert found(store) == bad_heartbeats(store) == []
    writer.close()
    Heartbeat(store, "a").close()
    assert found(store) == bad_heartbeats(store) == []


def test_a_sensor_without_a_manifest_does_not_hide_the_others(store):
    writer = SensorWriter(store, "b", lanes=1)
    put(writer, "packets", packets([NOON]))
    writer.commit()
    writer.close()
    for log in (store / "_state/sensor=a").glob("manifest*"):
        log.unlink()
    next(store.glob("_hot/packets/sensor=b/**/*.parquet")).write_bytes(b"")
    assert [kind for _, kind in found(store)] == ["damaged", "damaged"]


def test_files_of_an_earlier_version_are_counted(store):
    of_an_earlier_version(store)
    result = verify_store(store)
    assert result.is_whole
    assert result.without_checksum == result.files == 3


def test_what_helps_depends_on_what_is_lost(store):
    coverage, seen = "coverage/sensor=a/date=2026-03-05/hour=11/x.parquet", "_state/sensor=a/seen/x.npy"
    assert "ask for a time" in remedy_of(next(store.glob("packets/**/*.parquet")))
    assert "ask for a time" not in remedy_of(store / coverage)
    assert "retire" in remedy_of(store / seen)
    writer = SensorWriter(store, "a", lanes=1)
    writer.seen.first_seen(np.full((1, 16), 7, np.uint8), np.array([NOON]))
    writer.commit()
    writer.close()
    file = next(store.glob("_state/*/seen/*"))
    octets = bytearray(file.read_bytes())
    octets[-1] ^= 1
    file.write_bytes(octets)
    assert [fault.remedy for fault in verify_store(store).faults] == [remedy_of(file)]
    with pytest.raises(DamageError, match="retire"):
        SensorWriter(store, "a", lanes=1)
    file.unlink()
    assert [(fault.kind, fault.remedy) for fault in verify_store(store).faults] == [("missing", remedy_of(file))]
