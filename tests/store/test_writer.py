"""What a checkpoint covered is in the store, whatever happens after it; what none covered isn't."""

import os
import random
import subprocess
import sys

import duckdb
import numpy as np
import pandas
import polars
import pyarrow.dataset
import pytest

from ims.store import compaction
from ims.store.reader import Store
from ims.store.schema import part_of
from ims.store.writer import SensorWriter
from tests.store.full_disk import files_end_at, small_disk
from tests.store.killed import ROWS, checkpoints_of, life
from tests.store.made import HOUR, NOON, coverage, packets, payloads, plain_files, put, sources

from ..effort import pick


@pytest.fixture
def place(tmp_path):
    return tmp_path / "s"


@pytest.fixture
def writer(place):
    writer = SensorWriter(place, "a", lanes=2)
    yield writer
    writer.close()


def rows_of(place):
    with Store(place) as store:
        return sources(store.files("packets"))


def on_disk(place):
    """Parts and runs, as names relative to the store."""
    return {str(file.relative_to(place)) for kind in ("*.parquet", "*.npy") for file in place.rglob(kind)}


def assert_whole(place, announced, at_most):
    """Open the store as the next writer does: it holds exactly some checkpoint's rows, at least `announced`."""
    writer = SensorWriter(place, "a", lanes=2)
    done = checkpoints_of(writer)
    assert announced <= done <= at_most
    assert rows_of(place) == list(range(done * ROWS))
    assert on_disk(place) == set(writer.manifest.state.files)
    plain = sources(plain_files(place))
    assert len(plain) == len(set(plain))
    assert set(plain_files(place)) <= {place / name for name in writer.manifest.state.files}
    with Store(place) as store:
        assert len(store.files("coverage")) == min(done, 1)
        assert store.rows("payloads") == done
    assert sum(len(np.load(place / run)) for run in writer.seen.runs) == done
    assert not [entry for entry in (place / "_state" / "sensor=a").iterdir() if entry.name.startswith(".")]
    writer.close()
    return done


def test_rows_are_visible_with_their_checkpoint_and_captures_with_their_rows(place, writer):
    put(writer, "packets", packets([NOON, NOON + HOUR]))
    assert rows_of(place) == []
    writer.checkpoint({"c": {"frames": 2}}, {"c": coverage(NOON, NOON + HOUR)})
    assert rows_of(place) == [0, 1]
    assert plain_files(place) == []
    [part] = [path for path in writer.manifest.state.files if part_of(path).table == "coverage"]
    assert writer.captures == {"c": {"frames": 2, "coverage": [os.path.basename(part)]}}  # noqa: PTH119
    writer.finish(NOON)
    assert sources(plain_files(place)) == [0, 1] == rows_of(place)
    assert on_disk(place) == set(writer.manifest.state.files)


def test_a_capture_has_its_last_coverage_only_even_after_publishing_and_a_restart(place):
    for end in range(1, 4):
        writer = SensorWriter(place, "a")
        records = {name: {"frames": end} for name in "cd"}
        writer.checkpoint(records, {name: coverage(NOON - end, NOON + end) for name in "cd"})
        writer.checkpoint({"c": {"frames": end}}, {"c": coverage(NOON - end, NOON + end)})
        writer.finish(NOON)
        writer.close()
        with Store(place) as store:
            found = [polars.read_parquet(file).row(0, named=True) for file in store.files("coverage")]
        assert len(found) == len(plain_files(place, "coverage")) == 2
        assert {int(row["until"].timestamp() * 10**6) for row in found} == {NOON + end}


def test_close_without_a_checkpoint_leaves_nothing(place):
    writer = SensorWriter(place, "a")
    put(writer, "packets", packets([NOON]))
    writer.close()
    assert rows_of(place) == []
    assert on_disk(place) == set()


def test_one_writer_a_sensor_and_other_sensors_beside_it(place, writer):
    with pytest.raises(ValueError, match="sensor 'a' is being written by process"):
        SensorWriter(place, "a")
    SensorWriter(place, "b").close()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".a", "a" * 65, "a=b"])
def test_a_sensor_whose_name_is_no_folder_name_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="sensor name"):
        SensorWriter(tmp_path / "s", name)
    assert list(tmp_path.iterdir()) == []


def test_the_key_is_made_once_for_its_owner_only(place, writer):
    file = place / "_state" / "sensor=a" / "key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() == writer.key
    assert len(writer.key) == 16
    writer.close()
    again = SensorWriter(place, "a")
    assert again.key == writer.key
    again.close()
    file.write_bytes(b"short")
    with pytest.raises(ValueError, match=f"{file} is damaged: 5 octets, expected 16"):
        SensorWriter(place, "a")
    file.unlink()
    third = SensorWriter(place, "a")
    assert third.key != writer.key
    third.close()


def test_payloads_of_a_day_come_back_as_they_were_stored(place, writer):
    day = NOON // (24 * HOUR) * 24 * HOUR
    rows = payloads([day, day + 1, day + 23 * HOUR, day + 24 * HOUR])
    put(writer, "payloads", rows)
    assert list(writer.payloads_of(rows.column("day")[0].as_py())) == []
    writer.checkpoint()
    writer.finish(NOON)
    found = {}
    for signatures, values in writer.payloads_of(rows.column("day")[0].as_py()):
        bounds = zip(values.offsets, values.offsets[1:], strict=False)
        texts = [values.octets[begin:end].tobytes() for begin, end in bounds]
        found |= dict(zip(map(bytes, signatures), texts, strict=True))
    wanted = zip(rows.column("signature").to_pylist(), rows.column("payload").to_pylist(), strict=True)
    assert found == dict(list(wanted)[:3])


def test_a_batch_is_given_back_when_its_rows_are_written(writer):
    given = []
    for number in range(20):
        writer.write("packets", lambda: packets([NOON]), done=lambda number=number: given.append(number))
    writer.checkpoint()
    assert sorted(given) == list(range(20))


def test_recovery_removes_our_leftovers_and_nobody_elses(place):
    writer = SensorWriter(place, "a")
    put(writer, "packets", packets([NOON]))
    writer.checkpoint()
    kept = set(writer.manifest.state.files)
    writer.close()
    hour = f"date={part_of(next(iter(kept))).date}/hour=12"
    ours = [
        f"_hot/packets/sensor=a/{hour}/{'0' * 32}.parquet",
        f"_hot/payloads/sensor=a/date=2020-01-01/hour=05/{'1' * 32}.parquet",
        f"_state/sensor=a/seen/{'2' * 32}.npy",
        "_state/sensor=a/.manifest-00000009.log.0123abcd",
        f"_hot/_stage/a/packets/sensor=a/{hour}/{'3' * 32}.parquet",
    ]
    others = [
        f"_hot/packets/sensor=b/{hour}/{'0' * 32}.npy",
        f"_hot/packets/sensor=a/{hour}/notes.txt",
        f"packets/sensor=a/{hour}/foreign.parquet",
        f"packets/sensor=b/{hour}/notes.txt",
        "_state/sensor=a/README",
        f"_hot/_stage/b/{'5' * 32}.parquet",
    ]
    for name in [*ours, *others]:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"x")
    SensorWriter(place, "a").close()
    assert [name for name in ours if (place / name).exists()] == []
    assert [name for name in others if not (place / name).exists()] == []
    assert not (place / "_hot/payloads/sensor=a/date=2020-01-01").exists()
    assert rows_of(place) == [0]


def test_recovery_leaves_what_a_reader_holds(place):
    writer = SensorWriter(place, "a")
    put(writer, "packets", packets([NOON]))
    writer.checkpoint()
    store = Store(place)
    writer.finish(NOON)
    writer.close()
    again = SensorWriter(place, "a")
    assert sources(store.files("packets")) == [0]
    store.close()
    again.close()
    SensorWriter(place, "a").close()
    assert sources(place.rglob("*.parquet")) == [0]


def test_after_a_failed_write_only_closing_works_and_the_last_checkpoint_stands(place, writer):
    put(writer, "packets", packets([NOON] * 5))
    writer.checkpoint({"c": {"frames": 5}})
    before = on_disk(place)

    def fail():
        raise OSError(5, "Input/output error")

    writer.write("packets", fail)
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            writer.checkpoint({"c": {"frames": 99}})
    with pytest.raises(OSError, match="Input/output"):
        put(writer, "packets", packets([NOON]))
    with pytest.raises(OSError, match="Input/output"):
        writer.finish(NOON)
    writer.close()
    assert on_disk(place) == before
    assert rows_of(place) == list(range(5))
    again = SensorWriter(place, "a")
    assert again.captures == {"c": {"frames": 5}}
    again.close()


@pytest.mark.parametrize("size", [0, 50, 5_000, 40_000])
def test_on_a_full_disk_a_checkpoint_is_there_whole_or_not_at_all(place, size):
    writer = SensorWriter(place, "a", lanes=2)
    put(writer, "packets", packets([NOON]))
    writer.checkpoint({"c": {"frames": 1}})
    before = on_disk(place)
    dice = np.random.default_rng(1)
    with files_end_at(size), pytest.raises(OSError, match="too large"):
        while True:
            put(writer, "packets", packets(dice.integers(NOON, NOON + HOUR, 5_000)))
            writer.seen.first_seen(dice.integers(0, 256, (10_000, 16), np.uint8), np.arange(10_000))
            writer.checkpoint({"c": {"frames": 2}})
    assert rows_of(place) == [0]
    writer.close()
    assert on_disk(place) == before
    again = SensorWriter(place, "a")
    assert again.captures == {"c": {"frames": 1}}
    again.close()


def test_a_disk_that_fills_up_loses_nothing_that_was_checkpointed(tmp_path):
    disk = tmp_path / "disk"
    with small_disk(disk, 3 << 20) as mounted:
        place = disk / "s"
        writer = SensorWriter(place, "a", lanes=2)
        dice, done, began = np.random.default_rng(1), 0, 0
        with files_end_at(1 << 40 if mounted else 20_000), pytest.raises(OSError, match=r"No space|too large|full"):
            while True:
                began += 1
                times = dice.integers(NOON, NOON + 3 * HOUR, 1_000)
                put(writer, "packets", packets(times, first=1_000 * done))
                writer.checkpoint({"c": {"frames": done + 1}}, publish_before_us=NOON + HOUR)
                done += 1
                if not mounted and done == 3:
                    times = dice.integers(NOON, NOON + 3 * HOUR, 100_000)
                    put(writer, "packets", packets(times))
        assert done >= 3
        found = rows_of(place)
        assert found == list(range(len(found)))
        assert len(found) in (1_000 * done, 1_000 * began)  # or it was publishing that had no room
        writer.close()
        plain = sources(plain_files(place))
        assert len(plain) == len(set(plain))
        # The owner makes room by a limit, and goes on.
        again = SensorWriter(place, "a", lanes=2)
        assert rows_of(place) == found
        assert again.captures["c"]["frames"] == len(found) // 1_000
        again.manifest.roll()
        again.manifest.collect()
        assert on_disk(place) == set(again.manifest.state.files)
        again.close()


def test_killed_on_a_full_disk_its_leftovers_make_the_room_to_open_it_again(tmp_path):
    disk = tmp_path / "disk"
    with small_disk(disk, 1 << 20) as mounted:
        place = disk / "s"
        writer = SensorWriter(place, "a")
        put(writer, "packets", packets([NOON]))
        writer.checkpoint()
        writer.close()
        left = place / f"_hot/packets/sensor=a/date=2020-01-01/hour=05/{'1' * 32}.parquet"
        left.parent.mkdir(parents=True)
        with left.open("wb", buffering=0) as file:
            while mounted and file.write(bytes(4096)) == 4096 and disk_has_room(disk):
                pass
        again = SensorWriter(place, "a")
        assert not left.exists()
        assert rows_of(place) == [0]
        again.close()


def disk_has_room(disk):
    return os.statvfs(disk).f_bavail > 0


def test_publishing_without_room_leaves_the_checkpoint_made(place, writer, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    put(writer, "packets", packets([NOON]))
    monkeypatch.setattr(compaction, "_link", full)
    with pytest.raises(OSError, match="No space"):
        writer.checkpoint({"c": {"frames": 1}}, publish_before_us=NOON + HOUR)
    monkeypatch.undo()
    assert rows_of(place) == [0]
    assert writer.captures == {"c": {"frames": 1}}
    put(writer, "packets", packets([NOON], first=1))
    writer.checkpoint({"c": {"frames": 2}}, publish_before_us=NOON + HOUR)
    assert rows_of(place) == [0, 1] == sources(plain_files(place))


def run_killed(*args):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "tests.store.killed", *map(str, args)]
    return subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)


def test_killed_again_and_again_it_keeps_each_checkpoint_and_no_row_twice(place):
    dice, done = random.Random(5), 0
    for _ in range(pick(15, 5)):
        with run_killed(place) as process:
            lines = [int(process.stdout.readline()) for _ in range(dice.randint(1, 4))]
            process.kill()
            lines += map(int, process.stdout.read().split())  # what it said before it heard
        assert lines[0] == done + 1
        done = assert_whole(place, announced=lines[-1], at_most=lines[-1] + 1)
    assert done >= pick(15, 5)


def test_killed_before_any_change_of_the_disk_it_keeps_each_checkpoint_and_goes_on(tmp_path):
    with run_killed(tmp_path, 0) as process:
        changes = int(process.stdout.read())
    assert rows_of(tmp_path / "0" / "s") == list(range(10 * ROWS))
    assert changes > 200
    steps = range(1, changes + 1, pick(17, 71))
    with run_killed(tmp_path, *steps) as process:
        said = process.stdout.read()
    assert process.returncode == 0
    assert said == ""  # each was killed
    for step in steps:
        place = tmp_path / str(step) / "s"
        announced = tmp_path / str(step) / "announced"
        last = int(announced.read_text() or 0) if announced.exists() else 0
        if not (place / "store.json").exists():
            assert last == 0
        assert_whole(place, last, last + 1)
        life(place, announce=lambda number: None)
        assert_whole(place, 10, 10)


def test_duckdb_polars_pandas_and_arrow_read_the_tree_without_our_code(place):
    for sensor, first in (("a", 0), ("b", 3)):
        writer = SensorWriter(place, sensor)
        put(writer, "packets", packets([NOON, NOON + HOUR, NOON + 24 * HOUR], first=first))
        writer.checkpoint()
        writer.finish(NOON)
        put(writer, "packets", packets([NOON], first=99))  # hot: not to be seen
        writer.checkpoint()
        writer.close()
    wanted = [("a", 12, 0), ("a", 12, 2), ("a", 13, 1), ("b", 12, 3), ("b", 12, 5), ("b", 13, 4)]
    query = (
        f"SELECT sensor, hour::int, source FROM read_parquet('{place}/packets/**/*.parquet', hive_partitioning=true)"
    )
    with duckdb.connect() as duck:
        assert sorted(duck.sql(query).fetchall()) == wanted
        days = duck.sql(f"SELECT DISTINCT date FROM ({query.replace('source', 'source, date')}) ORDER BY 1").fetchall()
        assert [str(day) for (day,) in days] == ["2026-03-05", "2026-03-06"]
    frame = polars.scan_parquet(f"{place}/packets/**/*.parquet", hive_partitioning=True)
    assert sorted(frame.select("sensor", polars.col("hour").cast(int), "source").collect().rows()) == wanted
    dataset = pyarrow.dataset.dataset(place / "packets", partitioning="hive")
    table = dataset.to_table(columns=["sensor", "hour", "source"], filter=pyarrow.dataset.field("source") < 50)
    assert sorted((row["sensor"], int(row["hour"]), row["source"]) for row in table.to_pylist()) == wanted
    rows = pandas.read_parquet(place / "packets", columns=["source", "sensor", "hour"])
    assert sorted(zip(rows["sensor"], rows["hour"].astype(int), rows["source"], strict=True)) == wanted
