"""A reader sees every committed row exactly once, whatever the writer does meanwhile."""

import subprocess
import sys
import threading

import pyarrow.parquet as pq
import pytest

from ims.store.manifest import Snapshot
from ims.store.reader import Store, open_store
from ims.store.writer import SensorWriter
from tests.store.made import HOUR, NOON, packets, payloads, put, sources

CHECKPOINTS = 40
ROWS = 30


@pytest.fixture
def writer(tmp_path):
    writer = SensorWriter(tmp_path / "s", "a", lanes=2)
    yield writer
    writer.close()


def test_hot_and_published_rows_are_there_once_and_of_all_sensors(tmp_path, writer):
    put(writer, "packets", packets([NOON, NOON + HOUR]))
    writer.checkpoint(publish_before_us=NOON + HOUR)
    other = SensorWriter(tmp_path / "s", "b")
    put(other, "packets", packets([NOON], first=2))
    other.checkpoint()
    other.close()
    with Store(tmp_path / "s") as store:
        assert store.sensors == ("a", "b")
        assert sources(store.files("packets")) == [0, 1, 2]
        assert store.rows("packets") == 3
        assert store.rows("packets", NOON) == 2
        assert store.hours("packets") == [NOON, NOON + HOUR]
        assert store.files("payloads") == [] == store.hours("payloads")


def test_a_range_of_time_chooses_files_by_their_hours(tmp_path, writer):
    put(writer, "packets", packets([NOON + hour * HOUR for hour in (2, 0, 1)]))
    put(writer, "payloads", payloads([NOON]))
    writer.checkpoint()
    with open_store(str(tmp_path / "s")) as store:

        def hours(*within):
            times = [pq.ParquetFile(f).read().column("time")[0].value for f in store.files("packets", *within)]
            return [(time - NOON) // HOUR for time in times]

        assert hours() == [0, 1, 2]
        assert hours(NOON + HOUR, NOON + 2 * HOUR) == [1]
        assert hours(NOON + HOUR - 1, NOON + HOUR + 1) == [0, 1]
        assert hours(NOON + HOUR) == [1, 2]
        assert hours(None, NOON + HOUR) == [0]
        assert hours(NOON + 3 * HOUR) == []


def test_what_is_not_checkpointed_is_not_seen(tmp_path, writer):
    put(writer, "packets", packets([NOON]))
    with Store(tmp_path / "s") as store:
        assert store.files("packets") == []


def test_a_store_stays_as_it_was_when_it_was_opened(tmp_path, writer):
    put(writer, "packets", packets([NOON]))
    writer.checkpoint()
    with Store(tmp_path / "s") as store:
        files = store.files("packets")
        put(writer, "packets", packets([NOON + 1], first=1))
        writer.checkpoint()
        writer.finish(10**18, keep_age_us=0)
        assert store.files("packets") == files
        assert sources(files) == [0]
    writer.manifest.collect()
    assert not files[0].exists()


def test_what_is_no_store_is_refused_and_nothing_stays_open(tmp_path, writer):
    with pytest.raises(FileNotFoundError, match="no such store"):
        Store(tmp_path / "x")
    state = tmp_path / "s" / "_state"
    (state / "sensor=b").mkdir()
    (state / "sensor=b" / "manifest-00000001.log").write_bytes(b"?\n")
    with pytest.raises(ValueError, match=r"sensor=b/manifest-00000001.log is damaged: line 1"):
        Store(tmp_path / "s")
    writer.manifest.roll()
    writer.manifest.collect()
    assert len(list((state / "sensor=a").glob("manifest-*"))) == 1  # so the refused reader left no lock


def test_a_sensor_that_is_just_beginning_is_empty(tmp_path, writer):
    (tmp_path / "s" / "_state" / "sensor=new").mkdir()
    with Store(tmp_path / "s") as store:
        assert store.sensors == ("a", "new")
        assert store.rows("packets") == 0


READ = """
import sys
import pyarrow.parquet as pq
from ims.store.reader import Store
print("reading", flush=True)
last, looks = -1, 0
while last < int(sys.argv[2]):
    with Store(sys.argv[1]) as store:
        files = store.files("packets")
        found = sorted(s for f in files for s in pq.ParquetFile(f).read(columns=["source"]).column(0).to_pylist())
        assert found == list(range(len(found))), "a row twice, or not at all"
        assert len(found) % int(sys.argv[3]) == 0 and len(found) >= last, "not a committed count"
        assert store.rows("packets") == len(found)
        last, looks = len(found), looks + 1
print(looks)
"""


def test_readers_in_threads_and_processes_count_committed_rows_only(tmp_path, monkeypatch):
    monkeypatch.setattr("ims.store.compaction.HOT_PARTS", 3)
    monkeypatch.setattr("ims.store.manifest.ROLL_BYTES", 0)  # a new generation at nearly every checkpoint
    writer = SensorWriter(tmp_path / "s", "a", lanes=2)
    command = [sys.executable, "-c", READ, str(tmp_path / "s"), str(CHECKPOINTS * ROWS), str(ROWS)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [reader.stdout.readline() for reader in readers] == ["reading\n"] * 2
    failures, looks = [], [0]

    def look():
        last = 0
        while last < CHECKPOINTS * ROWS:
            with Store(tmp_path / "s") as store:
                try:
                    found = sources(store.files("packets"))
                    assert found == list(range(len(found)))
                    assert len(found) % ROWS == 0
                    assert len(found) >= last
                    last = len(found)
                    looks[0] += 1
                except BaseException as error:  # shown by the test's own thread
                    failures.append(error)
                    return

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(CHECKPOINTS):
        half = ROWS // 2  # two lanes; half of the rows late, so published hours get more parts
        put(writer, "packets", packets([NOON + number * HOUR // 8] * half, first=number * ROWS))
        put(writer, "packets", packets([NOON + number // 2 * HOUR // 8] * half, first=number * ROWS + half))
        writer.checkpoint(publish_before_us=NOON + (number // 8) * HOUR)
    writer.finish(NOON)
    for thread in threads:
        thread.join()
    assert failures == []
    assert looks[0] >= 3
    for reader in readers:
        out, err = reader.communicate()
        assert (reader.returncode, err) == (0, "")
        assert int(out) >= 1
    writer.manifest.roll()
    writer.manifest.collect()
    on_disk = {str(file.relative_to(tmp_path / "s")) for file in (tmp_path / "s").rglob("*.parquet")}
    assert on_disk == set(writer.manifest.state.files)
    writer.close()


def test_close_can_be_called_twice(tmp_path, writer):
    store = Store(tmp_path / "s")
    store.close()
    store.close()
    snapshot = Snapshot(tmp_path / "s" / "_state" / "sensor=a")
    snapshot.close()
    snapshot.close()
    assert writer.manifest.generation == 1
