"""Stores on this machine, asked: what is none, or would count twice, is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import ims
from ims.query.request import make_request
from ims.query_run import AGES_US
from ims.stores_backend import StoresBackend

from .stores import MIDNIGHT, cli, ingest, udp, write_pcap

DARK = 0xC633_6409


def test_what_is_no_store_is_refused(tmp_path: Path, one_store: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ims.open(tmp_path / "none")
    with pytest.raises(ValueError, match="no store"):
        ims.open(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        ims.open(tmp_path / "file")
    with pytest.raises(ValueError, match="given twice"):
        ims.open(one_store, one_store / ".." / one_store.name)
    with pytest.raises(ValueError, match="no store given"):
        ims.open()


def test_a_copy_of_a_store_is_refused_and_one_name_in_two_stores_is_said(tmp_path: Path, one_store: Path) -> None:
    copy = shutil.copytree(one_store, tmp_path / "copy")
    with pytest.raises(ValueError, match=r"is a copy of .*; their rows would count twice"):
        ims.open(one_store, copy)
    later = write_pcap(tmp_path / "later.pcap", [(MIDNIGHT, udp(1, DARK, 53))])
    other = ingest(tmp_path / "other", later)
    assert ims.open(one_store, other).shared_names == {"a": (one_store, other)}
    assert ims.open(other).shared_names == {}
    done = cli("query", "count", "--store", one_store, "--store", other)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert f"sensor 'a' is in {one_store} and {other}: its rows are taken for one sensor's" in done.stderr


def test_each_store_answers_by_itself_too(three_stores: list[Path]) -> None:
    backend = StoresBackend(three_stores, threads=1)
    request = make_request("count", None)
    with backend.begin(request) as run:
        each = run.each(run.series(AGES_US))
        assert len(each) == 3
        assert sum(sum(table.column("value").to_pylist()) for table in each) == run.packets()
        assert run.packets() == backend.run(request).rows()[0]["packets"]
    record = backend.record(request)
    assert record.stores == tuple(map(str, three_stores))
    assert record.sensors == ("007", "a", "b")


def test_hours_of_several_stores_are_there_once_with_all_of_their_packets(three_stores: list[Path]) -> None:
    hours = StoresBackend(three_stores).hours(make_request("packets", None))
    begins = [begin for begin, _ in hours]
    assert begins == sorted(set(begins))
    counted = StoresBackend(three_stores).run(make_request("series", None, bin="1h")).rows()
    assert [(round(row["time"].timestamp() * 1e6), row["value"]) for row in counted if row["value"]] == hours


def test_a_store_is_asked_as_it_is_then(tmp_path: Path) -> None:
    """Not as it was when it was opened; but a run holds what it began with."""
    captures = [write_pcap(tmp_path / f"{n}.pcap", [(MIDNIGHT + n * 10**9, udp(1, DARK, n))]) for n in (1, 2)]
    backend = StoresBackend([ingest(tmp_path / "S", captures[0])])
    request = make_request("count", None)
    assert backend.run(request).rows()[0]["packets"] == 1
    with backend.begin(request) as run:
        ingest(tmp_path / "S", captures[1])
        assert run.packets() == 1
    assert backend.run(request).rows()[0]["packets"] == 2


def test_a_store_that_went_is_said_and_the_others_are_let_go(tmp_path: Path, one_store: Path) -> None:
    gone = ingest(tmp_path / "S", write_pcap(tmp_path / "1.pcap", [(MIDNIGHT, udp(1, DARK, 53))]), sensor="b")
    backend = StoresBackend([one_store, gone])
    shutil.rmtree(gone)
    opened = open_files()
    with pytest.raises(FileNotFoundError):
        backend.run(make_request("count", None))
    assert open_files() == opened


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
