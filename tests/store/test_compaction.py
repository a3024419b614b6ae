"""Publishing and merging move rows, never lose or double them, and fail whole."""

import errno
import os
import shutil

import pyarrow.parquet as pq
import pytest

from ims.store import compaction
from ims.store.compaction import HOT_PARTS, compact_hot, hot_hours, publish, withdraw
from ims.store.manifest import Manifest
from ims.store.parts import Lane
from ims.store.schema import part_of, stored_schema
from tests.store.full_disk import files_end_at
from tests.store.made import HOUR, NOON, coverage, forget_lengths, packets, payloads, plain_files, sources


@pytest.fixture
def store(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path


@pytest.fixture
def manifest(store):
    manifest = Manifest(store, store / "state")
    yield manifest
    manifest.close()


def put(store, manifest, rows, table="packets", time="time"):
    """Commit rows as new hot parts."""
    lane = Lane(store, "a", 0)
    lane.write(table, time, rows)
    manifest.commit(add=lane.seal())
    lane.stop()


def listed(store, manifest, table="packets"):
    return [store / path for path in manifest.state.files if part_of(path).table == table]


def on_disk(store):
    return {str(file.relative_to(store)) for file in store.rglob("*.parquet")}


def settle(manifest):
    manifest.roll()
    manifest.collect()


def test_parts_from_before_a_column_came_are_merged_with_newer_ones(store, manifest):
    for number in range(3):
        put(store, manifest, packets([NOON + number], first=number))
    for file in listed(store, manifest)[::2]:
        forget_lengths(file)
        manifest.commit(add={str(file.relative_to(store)): {"rows": 1, "bytes": file.stat().st_size}})
    publish(store, manifest, "a")
    [merged] = listed(store, manifest)
    found = pq.ParquetFile(merged).read()
    assert found.schema == stored_schema("packets")
    assert found.column("source").to_pylist() == [0, 1, 2]


def test_a_published_hour_has_all_its_rows_once_for_us_and_for_others(store, manifest):
    for number in range(5):
        put(store, manifest, packets([NOON + number, NOON + HOUR], first=2 * number))
    publish(store, manifest, "a")
    assert len(listed(store, manifest)) == 2  # five small parts an hour became one
    assert sources(listed(store, manifest)) == list(range(10))
    assert sorted(listed(store, manifest)) == plain_files(store)
    settle(manifest)
    assert on_disk(store) == set(manifest.state.files)


def test_only_finished_hours_are_published(store, manifest):
    put(store, manifest, packets([NOON, NOON + HOUR, NOON + 2 * HOUR]))
    publish(store, manifest, "a", before_us=NOON + 2 * HOUR)
    assert sources(plain_files(store)) == [0, 1]
    assert sources(listed(store, manifest)) == [0, 1, 2]
    assert list(hot_hours(manifest.state.files)) == [("packets", NOON + 2 * HOUR)]


def test_late_packets_add_a_part_and_disturb_nothing(store, manifest):
    put(store, manifest, packets([NOON]))
    publish(store, manifest, "a")
    [first] = plain_files(store)
    (first.parent / "notes.txt").write_text("somebody's own")
    before = first.read_bytes()
    put(store, manifest, packets([NOON + 5], first=1))
    publish(store, manifest, "a")
    settle(manifest)
    assert len(plain_files(store)) == 2
    assert sources(plain_files(store)) == [0, 1]
    assert first.read_bytes() == before
    assert (first.parent / "notes.txt").read_text() == "somebody's own"


def test_a_merge_replaces_small_parts_and_leaves_large_ones(store, manifest, monkeypatch):
    monkeypatch.setattr(compaction, "WORTH_MERGING", 10)
    put(store, manifest, packets([NOON] * 10))
    [large] = manifest.state.files
    for number in range(HOT_PARTS):
        put(store, manifest, packets([NOON] * 9, first=10 + 9 * number))
    compact_hot(store, manifest)
    assert large in manifest.state.files
    assert len(manifest.state.files) == 2
    assert sources(listed(store, manifest)) == list(range(10 + 9 * HOT_PARTS))
    assert len(on_disk(store)) == 2 + HOT_PARTS  # a reader may still hold what was merged
    settle(manifest)
    assert on_disk(store) == set(manifest.state.files)


def test_few_parts_are_not_merged_before_the_hour_is_finished(store, manifest):
    for number in range(HOT_PARTS):
        put(store, manifest, packets([NOON], first=number))
    compact_hot(store, manifest)
    assert len(manifest.state.files) == HOT_PARTS


def test_coverage_parts_keep_their_names_for_their_captures_to_replace(store, manifest):
    for number in range(HOT_PARTS + 1):
        put(store, manifest, coverage(NOON, NOON + number), "coverage", "since")
    names = {os.path.basename(path) for path in manifest.state.files}  # noqa: PTH119
    compact_hot(store, manifest)
    publish(store, manifest, "a")
    assert {file.name for file in plain_files(store, "coverage")} == names


def test_merging_holds_no_more_octets_than_allowed(store, manifest, monkeypatch):
    monkeypatch.setattr(compaction, "MERGED_OCTETS", 50_000)
    monkeypatch.setattr(compaction, "WORTH_MERGING", 10**9)
    for number in range(8):
        put(store, manifest, payloads([NOON + number], octets=os.urandom(20_000)), "payloads", "first_seen")
    publish(store, manifest, "a")
    [file] = plain_files(store, "payloads")
    metadata = pq.ParquetFile(file).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [3, 3, 2]


def test_parts_of_many_octets_are_not_written_again(store, manifest, monkeypatch):
    monkeypatch.setattr(compaction, "MERGED_OCTETS", 10_000)
    for number in range(3):
        put(store, manifest, payloads([NOON + number], octets=os.urandom(20_000)), "payloads", "first_seen")
    before = {os.path.basename(path) for path in manifest.state.files}  # noqa: PTH119
    publish(store, manifest, "a")
    assert {file.name for file in plain_files(store, "payloads")} == before


def test_a_full_disk_while_merging_changes_nothing(store, manifest):
    for number in range(HOT_PARTS + 1):
        put(store, manifest, packets([NOON] * 50, first=50 * number))
    before = dict(manifest.state.files)
    with files_end_at(1000), pytest.raises(OSError, match="too large"):
        compact_hot(store, manifest)
    assert manifest.state.files == before
    assert on_disk(store) == set(before)
    compact_hot(store, manifest)
    assert sources(listed(store, manifest)) == list(range(50 * (HOT_PARTS + 1)))


def fail_at(monkeypatch, module, name, turn):
    """The `turn`th call of module.name raises, as a full disk would; later ones work."""
    real, calls = getattr(module, name), iter(range(10**6))

    def call(*args, **more):
        if next(calls) == turn:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **more)

    monkeypatch.setattr(module, name, call)


@pytest.mark.parametrize("late", [False, True], ids=["new hour", "late packets"])
@pytest.mark.parametrize(
    ("name", "turn"), [("_link", 0), ("_link", 2), ("_appear", 0), ("_appear", 1), ("sync_folder", 3)]
)
def test_publishing_that_failed_is_done_again_without_rows_twice(store, manifest, monkeypatch, late, name, turn):
    if late:
        put(store, manifest, packets([NOON, NOON + HOUR, NOON + 2 * HOUR], first=90))
        publish(store, manifest, "a")
    old = [90, 91, 92] if late else []
    put(store, manifest, packets([NOON, NOON + HOUR, NOON + 2 * HOUR]))
    fail_at(monkeypatch, compaction, name, turn)
    with pytest.raises(OSError, match="No space"):
        publish(store, manifest, "a")
    monkeypatch.undo()
    assert sources(listed(store, manifest)) == [0, 1, 2, *old]
    # What comes meanwhile is merged with what was to be published, under another name.
    put(store, manifest, packets([NOON + 3, NOON + HOUR], first=3))
    publish(store, manifest, "a")
    assert sources(plain_files(store)) == [0, 1, 2, 3, 4, *old]
    assert sources(listed(store, manifest)) == [0, 1, 2, 3, 4, *old]
    settle(manifest)
    assert on_disk(store) == set(manifest.state.files)
    assert manifest.state.publishing == []


def test_withdraw_takes_back_only_what_is_not_listed(store, manifest):
    put(store, manifest, packets([NOON]))
    publish(store, manifest, "a")
    [listed_file] = plain_files(store)
    kept = str(listed_file.relative_to(store))
    stray = listed_file.with_name("stray.parquet")
    shutil.copyfile(listed_file, stray)
    manifest.commit(publishing=[kept, str(stray.relative_to(store)), "packets/sensor=a/date=x/hour=00/never"])
    withdraw(store, manifest)
    assert plain_files(store) == [listed_file]
    assert manifest.state.publishing == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_without_hard_links_files_are_copied(store, manifest, monkeypatch, number):
    def refuse(*_args):
        raise OSError(number, os.strerror(number))

    put(store, manifest, packets([NOON, NOON + HOUR]))
    monkeypatch.setattr(os, "link", refuse)
    publish(store, manifest, "a")
    assert sources(plain_files(store)) == [0, 1]


def test_other_errors_of_linking_are_raised(store, manifest, monkeypatch):
    def refuse(*_args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    put(store, manifest, packets([NOON]))
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="Input/output"):
        publish(store, manifest, "a")


def test_an_hour_appears_at_once_and_only_after_its_folders_are_durable(store, manifest, monkeypatch):
    seen = []
    for name in ("sync_folder", "_appear"):
        real = getattr(compaction, name)
        monkeypatch.setattr(compaction, name, lambda *a, real=real, name=name: (seen.append((name, a[0])), real(*a))[1])
    commit = manifest.commit
    monkeypatch.setattr(manifest, "commit", lambda **more: (seen.append(("commit", more)), commit(**more))[1])
    put(store, manifest, packets([NOON]))
    seen.clear()
    publish(store, manifest, "a")
    kinds = [kind for kind, _ in seen]
    assert kinds[:3] == ["commit", "sync_folder", "_appear"]
    assert kinds[-1] == "commit"
    synced = {place for kind, place in seen[3:-1] if kind == "sync_folder"}
    hour = plain_files(store)[0].parent
    assert {hour.parent, hour.parent.parent, hour.parent.parent.parent, store} <= synced
