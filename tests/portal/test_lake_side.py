"""A lake's question that nobody waits for ends, whenever it is stopped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from ims.lake.config import LakeConfig
from ims.lake.lake import Lake, open_lake
from ims.lake.place import open_place
from ims.lake.ship import Shipper
from ims.portal.lake_side import Running

MINUTES = "SELECT sum(hash(range)) FROM range(200_000_000_000)"
"""Of one core's work."""


@pytest.fixture
def lake(tmp_path: Path, one_store: Path) -> Lake:
    store = shutil.copytree(one_store, tmp_path / "STORE")
    Shipper(store, open_place(str(tmp_path / "LAKE"))).ship("a")
    return open_lake(str(tmp_path / "LAKE"))


def test_what_is_stopped_before_the_engine_begins_is_stopped_all_the_same(lake: Lake) -> None:
    """An engine, and DuckDB, forget at the beginning of a part that they were interrupted."""
    running = Running()
    with running.engine(lake, LakeConfig(threads=1)) as found:
        engine = cast(Any, found)
        running.stop()
        assert engine._given_up.wait(60)
        for _ in range(2):
            engine._given_up.clear()
            with pytest.raises(duckdb.InterruptException):
                engine._con.sql(MINUTES).fetchall()


def test_what_was_stopped_does_not_begin(lake: Lake) -> None:
    running = Running()
    running.stop()
    with pytest.raises(InterruptedError), running.engine(lake, LakeConfig()):
        pass


def test_what_is_not_stopped_is_answered_and_its_engine_is_closed(lake: Lake) -> None:
    running = Running()
    with running.engine(lake, LakeConfig()) as found:
        engine = cast(Any, found)
        assert engine._con.sql("SELECT 1").fetchall() == [(1,)]
        assert not engine._given_up.is_set()
    with pytest.raises(duckdb.ConnectionException):
        engine._con.sql("SELECT 1")
    running.stop()
