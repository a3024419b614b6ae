"""What would stop a shipment is said before anything is sent or made."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from ims.lake.ship_checks import ship_checks, ship_needs
from ims.process.doctor import OK, WRONG
from ims.process.file_access import Way
from ims.process.start_checks import findings_of, refuse
from tests.lake.shipped import ship, watched


@pytest.fixture
def store(tmp_path):
    watched(tmp_path / "store", 1)
    return tmp_path / "store"


def said(store, uri):
    with pytest.raises((ValueError, OSError)) as raised:
        refuse(ship_checks(store, str(uri)))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_store_and_a_new_lake_are_fine_and_looking_makes_nothing(store, tmp_path, uri):
    before = sorted(tmp_path.rglob("*"))
    assert [(each.level, each.subject, each.found) for each in findings_of(ship_checks(store, uri))] == [
        (OK, "store", f"{store} can be shipped"),
        (OK, "lake", f"{uri} is made one"),
    ]
    assert sorted(tmp_path.rglob("*")) == before
    ship(store, uri)
    assert [each.found for each in findings_of(ship_checks(store, uri))][1] == f"{uri} is one"


def test_both_faults_are_found_each_with_its_remedy(tmp_path):
    (tmp_path / "file").touch()
    found = list(findings_of(ship_checks(tmp_path / "none", str(tmp_path / "file"))))
    assert [(each.level, each.subject) for each in found] == [(WRONG, "store"), (WRONG, "lake")]
    assert all(each.remedy for each in found)
    assert "none" in found[0].found
    assert f"{tmp_path}/file is a file" in found[1].found


def test_what_is_no_store_is_said_to_be_none(tmp_path):
    (tmp_path / "notes").write_text("mine")
    assert "is no store" in said(tmp_path, tmp_path / "lake")


def test_what_holds_something_else_is_not_made_a_lake(store, tmp_path):
    assert "is a store" in said(store, store)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").touch()
    assert "is not empty and no lake" in said(store, tmp_path / "full")
    assert "/etc" in said(store, "/etc")
    assert "unsupported scheme ftp://" in said(store, "ftp://host/lake")


@pytest.mark.skipif(os.geteuid() != 0, reason="files of another user are root's to make; CI is root")
def test_a_file_that_the_store_s_owner_can_not_read_is_named_before_the_lake_is_made():
    """As root who ships is the store's owner, and so are its checks."""
    with tempfile.TemporaryDirectory(prefix="ims-checks-") as name:  # not below pytest's, which is closed to others
        folder = Path(name)
        folder.chmod(0o755)
        watched(folder / "store", 1)
        for path in (folder / "store", *(folder / "store").rglob("*")):
            shutil.chown(path, "nobody")
        part = next((folder / "store").glob("packets/**/*.parquet"))
        (folder / "lake").mkdir()
        shutil.chown(folder / "lake", "nobody")
        refuse(ship_checks(folder / "store", str(folder / "lake")))
        part.chmod(0)
        assert part.name in said(folder / "store", folder / "lake")
        part.chmod(0o600)
        shutil.chown(folder / "lake", "root")
        assert f"{folder}/lake" in said(folder / "store", folder / "lake")
        assert list((folder / "lake").iterdir()) == []


def test_what_is_written_to_is_the_store_and_a_lake_in_a_folder(store, tmp_path):
    needs = ship_needs(store, str(tmp_path / "lake"))
    assert [(need.path, need.way) for need in needs] == [(store, Way.CHANGE), (tmp_path / "lake", Way.CHANGE_ALL)]
    for uri in ("s3://bucket/lake", "ftp://host/lake", ""):
        assert [need.path for need in ship_needs(store, uri)] == [store]
