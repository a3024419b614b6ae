"""A lake is opened as a store is: its files are those that ledgers name, in views as numbers say."""

from __future__ import annotations

from pathlib import Path

import pytest

from ims.lake.lake import open_lake
from ims.store.reader import open_store
from tests.lake.shipped import ROWS, seen_by_us, ship, watched
from tests.store.made import HOUR, NOON


def test_what_is_no_lake_says_what_it_is(tmp_path):
    watched(tmp_path / "store", 1)
    with pytest.raises(ValueError, match=r"store is a store; expected a lake, or --store "):
        open_lake(tmp_path / "store")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty is no lake \(it has no lake.json\); `ims ship` makes one"):
        open_lake(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="none: no such lake"):
        open_lake(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="is a file"):
        open_lake(tmp_path / "file")


def test_a_store_s_reader_and_writer_refuse_a_lake(tmp_path):
    watched(tmp_path / "store", 1)
    ship(tmp_path / "store", tmp_path / "lake")
    with pytest.raises(ValueError, match="is a lake; expected a store, or --lake"):
        open_store(tmp_path / "lake")
    with pytest.raises(ValueError, match="is a lake; expected a store or a new folder"):
        watched(tmp_path / "lake", 1)


def test_a_bucket_without_a_lake_is_none(bucket_uri, s3_server, bucket):
    with pytest.raises(ValueError, match=rf"s3://{bucket}/a/lake is no lake \(it has no lake.json\)"):
        open_lake(bucket_uri)
    with pytest.raises(ValueError, match="is no lake"):
        open_lake(bucket_uri.replace(bucket, "no-such-bucket"))


def test_paths_are_of_the_kind_that_the_file_system_takes(tmp_path, bucket_uri, bucket):
    watched(tmp_path / "s", 2)
    ship(tmp_path / "s", tmp_path / "lake")
    with open_lake(tmp_path / "lake") as lake:
        assert lake.path == tmp_path / "lake"
        assert all(isinstance(path, Path) and path.is_file() for path in lake.files("packets"))
    (tmp_path / "s/_state/sensor=a/shipped.json").unlink()
    ship(tmp_path / "s", bucket_uri)
    with open_lake(bucket_uri) as lake:
        assert lake.uri == bucket_uri
        assert all(path.startswith(f"{bucket}/a/lake/packets/sensor=a/") for path in lake.files("packets"))
        assert lake.filesystem.get_file_info(lake.files("packets")[0]).size


def test_views_leave_out_what_others_answer_for(tmp_path):
    a, lake = watched(tmp_path / "a", 1), tmp_path / "lake"
    watched(tmp_path / "b", 1, "b")
    ship(tmp_path / "a", lake), ship(tmp_path / "b", lake, "b")
    a.hour(1)
    ship(tmp_path / "a", lake)
    with open_lake(lake) as whole:
        assert whole.ledgers["a"].number == 4
        early = whole.as_of({"a": 1})
        assert seen_by_us(lake, lake=early) == sorted([*range(ROWS), *range(ROWS)])
        assert early.hours("packets") == [NOON]
        assert early.hours("payloads") == [NOON, NOON + HOUR]
        assert early.without(["b"]).rows("packets") == ROWS
        assert early.without(["a", "b"]).rows("packets") == 0
        assert early.without(["a", "b"]).rows("coverage") == 0
        assert early.without(["a", "b"]).rows("payloads") == 3
        assert len(early.entries("payloads")) == 2, "those that came later the sensor counts"
        assert [row.sensor for row in early.without(["b"]).entries("payloads")] == ["a"]
        assert len(whole.entries("payloads")) == 3
        assert whole.as_of({"a": 0, "b": 0}).files("packets") == []
        assert whole.rows("packets") == 3 * ROWS
        with pytest.raises(ValueError, match="opened at shipment 4 of sensor 'a'; 5 was asked for"):
            whole.as_of({"a": 5})
        with pytest.raises(ValueError, match="opened at shipment 0 of sensor 'c'"):
            whole.as_of({"c": 1})


def test_what_no_ledger_names_is_not_read(tmp_path):
    watched(tmp_path / "s", 1)
    ship(tmp_path / "s", tmp_path / "lake")
    part = next((tmp_path / "lake").glob("packets/**/*.parquet"))
    part.with_name("other.parquet").write_bytes(part.read_bytes())
    assert seen_by_us(tmp_path / "lake") == list(range(ROWS))


def test_a_damaged_ledger_is_not_passed_over(tmp_path):
    watched(tmp_path / "s", 1)
    ship(tmp_path / "s", tmp_path / "lake")
    (tmp_path / "lake/_lake/sensor=a.json").write_bytes(b"{}")
    with pytest.raises(ValueError, match="is damaged"):
        open_lake(tmp_path / "lake")
