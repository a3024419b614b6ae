"""Paths say what files hold; a folder is a store or is refused with one line; files appear whole."""

import datetime
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.records import TABLES
from ims.settings.durations import HOUR_US
from ims.store import schema
from ims.store.schema import (
    check_store,
    create_store,
    hour_folder,
    make_folder,
    parquet_writer,
    part_of,
    stored_schema,
    write_aside,
)
from tests.store.full_disk import files_end_at


@given(st.sampled_from(sorted(TABLES)), st.integers(0, 2**32 // 3600), st.booleans())
def test_a_path_says_what_hour_it_holds(table, hour, hot):
    path = f"{'_hot/' if hot else ''}{hour_folder(table, 'a.b-C_9', hour)}/{'0' * 32}.parquet"
    part = part_of(path)
    assert (part.table, part.sensor, part.hot) == (table, "a.b-C_9", hot)
    assert part.since_us == hour * HOUR_US
    assert str(part.folder) == hour_folder(table, "a.b-C_9", hour)
    moment = datetime.datetime.fromtimestamp(hour * 3600, datetime.UTC)
    assert (part.date, part.hour) == (moment.date().isoformat(), moment.hour)


@pytest.mark.parametrize("path", ["_state/sensor=a/seen/x.npy", "store.json", "packets/sensor=a/x.parquet", ""])
def test_other_paths_are_no_parts(path):
    assert part_of(path) is None


@pytest.mark.parametrize("table", sorted(TABLES))
def test_each_table_is_written_with_its_columns_zstd_and_utc(table, tmp_path):
    with parquet_writer(tmp_path / "x", table, stored_schema(table)) as writer:
        writer.write_table(stored_schema(table).empty_table())
    found = pq.ParquetFile(tmp_path / "x")
    assert found.schema_arrow.names == [column.name for column in TABLES[table]]
    assert [field.nullable for field in stored_schema(table)] == [c.layer != 0 for c in TABLES[table]]
    for column in TABLES[table]:
        if column.arrow.startswith("timestamp"):
            assert str(found.schema_arrow.field(column.name).type) == "timestamp[us, tz=UTC]"


def test_a_file_that_could_not_be_begun_is_left_closed_though_its_error_is_kept(tmp_path):
    """On a full disk, it would keep its room until the error was forgotten, and the disk couldn't be unmounted."""
    file = tmp_path / "part.parquet"
    with files_end_at(0), pytest.raises(OSError, match="too large") as kept:
        parquet_writer(file, "packets", stored_schema("packets"))
    assert kept.value is not None
    assert file not in [Path(link).resolve() for link in Path("/proc/self/fd").iterdir()]


def test_a_new_folder_becomes_a_store_once(tmp_path):
    store = tmp_path / "a" / "b"
    create_store(store)
    before = (store / "store.json").read_bytes()
    create_store(store)
    check_store(store)
    assert (store / "store.json").read_bytes() == before
    assert [entry.name for entry in store.iterdir()] == ["store.json"]


def test_a_creation_that_was_killed_is_done_again(tmp_path):
    (tmp_path / ".store.json.0123abcd").write_bytes(b'{"for')
    create_store(tmp_path)
    check_store(tmp_path)


def test_a_folder_with_other_things_is_not_made_a_store(tmp_path):
    (tmp_path / "letters.txt").write_text("x")
    with pytest.raises(ValueError, match="not empty and no store"):
        create_store(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["letters.txt"]


def test_a_file_is_not_a_store(tmp_path):
    file = tmp_path / "x"
    file.write_text("x")
    for refuse in (create_store, check_store):
        with pytest.raises(NotADirectoryError, match="is a file"):
            refuse(file)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "has no store.json"),
        (b"", "damaged, or another"),
        (b"\xff{", "damaged, or another"),
        (b"[]", "damaged, or another"),
        (b'{"schema": 1}', "damaged, or another"),
        (b'{"format": "ims store", "schema": 7}', "has store schema 7; this version reads 1"),
    ],
)
def test_a_folder_without_a_good_store_json_is_refused(tmp_path, content, line):
    if content is not None:
        (tmp_path / "store.json").write_bytes(content)
    with pytest.raises(ValueError, match=line):
        check_store(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such store"):
        check_store(tmp_path / "x")


def test_write_aside_replaces_whole_and_with_its_mode(tmp_path):
    file = tmp_path / "key"
    write_aside(file, b"old")
    write_aside(file, b"new", mode=0o600)
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_write_aside_that_fails_leaves_the_old_file_alone_and_nothing_beside_it(tmp_path, monkeypatch):
    file = tmp_path / "key"
    write_aside(file, b"old")

    def full(_fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_aside(file, b"new")
    assert file.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_each_new_folder_is_synced_into_its_parent(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(schema, "sync_folder", synced.append)
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b" / "c")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    assert (tmp_path / "a" / "b" / "c").is_dir()
