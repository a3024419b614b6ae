"""A link in a store hands on no file of another's: not to a lake, not into a merged part, not to an answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ims.stored_file import open_regular, open_stored, refuse_links

from .stores import BLOCK, MIDNIGHT, cli, udp, write_pcap

NAME = "packets/sensor=a/date=2026-03-04/hour=00/x.parquet"


def test_a_file_is_read_whose_store_is_reached_by_a_link(tmp_path: Path) -> None:
    file = tmp_path / "S" / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(b"octets")
    (tmp_path / "link").symlink_to("S")
    with open_stored(tmp_path / "link", NAME) as opened:
        assert opened.read() == b"octets"
    refuse_links([tmp_path / "link" / NAME, tmp_path / "link" / "coverage" / "sensor=a" / "x.parquet"])
    with pytest.raises(FileNotFoundError, match=r"y\.parquet"):
        open_stored(tmp_path / "S", NAME.replace("x.", "y."))
    with pytest.raises(OSError, match="it leads out of its store"):
        open_stored(tmp_path / "S", "../S")


@pytest.mark.parametrize("linked", ["x.parquet", "hour=00", "date=2026-03-04", "sensor=a", "packets"])
def test_a_link_is_refused_wherever_it_stands(linked: str, tmp_path: Path) -> None:
    file = tmp_path / "S" / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(b"octets")
    step = next(step for step in (file, *file.parents) if step.name == linked)
    step.rename(tmp_path / "elsewhere")
    step.symlink_to(tmp_path / "elsewhere")
    for read in (lambda: open_stored(tmp_path / "S", NAME), lambda: refuse_links([file])):
        with pytest.raises(OSError, match="it is a link; a store, or a lake, holds files") as refused:
            read()
        assert refused.value.filename == str(step)


def test_a_folder_that_became_a_link_is_refused_with_the_next_part(tmp_path: Path) -> None:
    file = tmp_path / "S" / NAME
    file.parent.mkdir(parents=True)
    file.touch()
    refuse_links([file])
    file.parent.rename(tmp_path / "elsewhere")
    file.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="it is a link"):
        refuse_links([file, file.with_name("y.parquet")])


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no regular file"):
        open_regular(tmp_path / "pipe")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    capture = write_pcap(tmp_path / "c.pcap", [(MIDNIGHT, udp(0x01020304, 0xC6336407, 53, b"hello"))])
    done = cli("ingest", capture, "--store", tmp_path / "S", "--sensor", "a", "--block", BLOCK)
    assert done.returncode == 0, done.stderr
    return tmp_path / "S"


@pytest.mark.parametrize("by", ["file", "folder"])
def test_neither_shipped_nor_answered_from(by: str, store: Path) -> None:
    [part] = (store / "packets").rglob("*.parquet")
    step = part if by == "file" else part.parent
    step.rename(store.parent / "elsewhere")
    step.symlink_to(store.parent / "elsewhere")
    lake = store.parent / "LAKE"
    for words, named in (
        (["ship", "--store", store, "--to", lake], f"{part} can't be read"),
        (["query", "count", "--store", store], str(step)),
    ):
        done = cli(*words)
        said = f"{named}: it is a link; a store, or a lake, holds files"
        assert (done.returncode, said in done.stderr) == (2, True), done
    assert list(lake.glob("packets/**/*.parquet")) == []


def test_a_lake_is_not_read_by_a_link(store: Path) -> None:
    lake = store.parent / "LAKE"
    assert cli("ship", "--store", store, "--to", lake).returncode == 0
    [part] = (lake / "packets").rglob("*.parquet")
    part.rename(store.parent / "elsewhere")
    part.symlink_to(store.parent / "elsewhere")
    done = cli("query", "count", "--lake", lake)
    assert (done.returncode, f"{part}: it is a link; a store, or a lake, holds files" in done.stderr) == (2, True), done
