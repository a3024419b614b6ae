"""Merging beside a writer: rows stay once, whatever happens to the thread, the disk or the hour."""

import pytest

from ims.store import compaction, merger
from ims.store.compaction import HOT_PARTS
from ims.store.manifest import Manifest
from ims.store.merger import Merger
from ims.store.schema import part_of
from ims.store.writer import SensorWriter
from tests.store.full_disk import files_end_at
from tests.store.made import HOUR, NOON, packets, plain_files, sources
from tests.store.test_compaction import listed, on_disk, put, settle


@pytest.fixture
def store(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path


@pytest.fixture
def manifest(store):
    made = Manifest(store, store / "state")
    yield made
    made.close()


@pytest.fixture
def merging(store, manifest):
    made = Merger(store, manifest)
    yield made
    made.stop()


def finish(merging, before_us=0):
    """Go on until there is nothing left to merge."""
    merging.go_on(before_us)
    while merging._made is not None:
        merging._made.exception()
        merging.go_on(before_us)


def test_too_many_small_parts_become_one(store, manifest, merging):
    for number in range(HOT_PARTS + 1):
        put(store, manifest, packets([NOON], first=number))
    finish(merging)
    assert len(listed(store, manifest)) == 1
    assert sources(listed(store, manifest)) == list(range(HOT_PARTS + 1))
    settle(manifest)
    assert on_disk(store) == set(manifest.state.files)


def test_few_are_left_until_the_hour_is_finished(store, manifest, merging):
    for number in range(3):
        put(store, manifest, packets([NOON], first=number))
    finish(merging)
    assert len(listed(store, manifest)) == 3
    finish(merging, NOON + HOUR)
    assert len(listed(store, manifest)) == 1


def test_no_more_than_a_few_are_merged_at_once_and_all_in_the_end(store, manifest, merging, monkeypatch):
    monkeypatch.setattr(merger, "AT_ONCE", 4)
    for number in range(HOT_PARTS + 9):
        put(store, manifest, packets([NOON], first=number))
    merging.go_on(0)
    assert len(merging._parts) == 4
    finish(merging, NOON + HOUR)
    assert sources(listed(store, manifest)) == list(range(HOT_PARTS + 9))
    assert len(listed(store, manifest)) == 1


def test_what_was_merged_of_an_hour_that_is_gone_is_thrown_away(store, manifest, merging):
    for number in range(HOT_PARTS + 1):
        put(store, manifest, packets([NOON], first=number))
    merging.go_on(0)
    merging._made.exception()
    manifest.commit(drop=list(manifest.state.files))  # as retention does
    finish(merging)
    assert listed(store, manifest) == []
    settle(manifest)
    assert on_disk(store) == set()


def test_a_full_disk_changes_nothing_and_is_said(store, manifest, merging):
    for number in range(HOT_PARTS + 1):
        put(store, manifest, packets([NOON] * 50, first=50 * number))
    before = dict(manifest.state.files)
    with files_end_at(1000):
        merging.go_on(0)
        merging._made.exception()
        with pytest.raises(OSError, match="too large"):
            merging.go_on(0)
    assert manifest.state.files == before
    assert on_disk(store) == set(before)
    finish(merging)
    assert len(listed(store, manifest)) == 1


def test_stopping_leaves_nothing_behind(store, manifest):
    for number in range(HOT_PARTS + 1):
        put(store, manifest, packets([NOON], first=number))
    before = on_disk(store)
    made = Merger(store, manifest)
    made.go_on(0)
    made.stop()
    assert on_disk(store) == before
    assert len(manifest.state.files) == HOT_PARTS + 1


def test_a_writer_goes_on_while_hours_are_merged_and_publishes_them_later(tmp_path, monkeypatch):
    monkeypatch.setattr(compaction, "WORTH_MERGING", 100)
    store = tmp_path / "store"
    writer = SensorWriter(store, "a", lanes=1)
    try:
        for number in range(40):
            writer.write("packets", lambda number=number: packets([NOON + number, NOON + HOUR], first=2 * number))
            writer.commit()
            writer.settle(0)
        assert plain_files(store) == []
        while not plain_files(store):
            writer.settle(NOON + HOUR)
        assert sources(plain_files(store)) == list(range(0, 80, 2))
        files = [store / path for path in writer.manifest.state.files if part_of(path).table == "packets"]
        assert sources(files) == list(range(80))
    finally:
        writer.close()
    again = SensorWriter(store, "a", lanes=1)
    files = [store / path for path in again.manifest.state.files if part_of(path).table == "packets"]
    again.close()
    assert sources(files) == list(range(80))
