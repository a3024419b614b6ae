"""A lake's question that nobody waits for ends, whenever it is stopped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from ims.lake.config import LakeConfig
from ims.lake.lake import Lake, open_lake
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.portal.federation.lake_peer import THE_LAKE, LakePeer, Running
from ims.portal.federation.responses import Responses
from ims.query.engines.duckdb import Engine
from ims.query.question import Question
from ims.query.request import make_request

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


def test_a_lake_s_engine_puts_nothing_on_the_portal_s_disk(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    with Running().engine(lake, LakeConfig(memory=64 << 20, threads=1)) as found:
        with pytest.raises(duckdb.OutOfMemoryException):
            cast(Any, found)._con.sql("SELECT hash(range) h, * FROM range(6_000_000) ORDER BY h").to_arrow_table()
        assert not list(Path.cwd().iterdir())


def test_what_a_lake_has_no_memory_for_is_refused_and_not_called_unreadable(lake: Lake) -> None:
    side = LakePeer(lake.uri, LakeConfig(memory=64 << 20, threads=1))
    question = Question(plan="series", request=make_request("series", None))

    def ends(*_words: Any) -> Any:
        raise MemoryError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "partial", ends)
        half = side.begin([question], frozenset(), 60, 1000)
        found = half.joined(Responses({}, {}, {}, {}), {})
    assert found.faults[THE_LAKE].kind == "request"
    assert "more memory than it may have" in found.faults[THE_LAKE].text
    side.close()


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
