"""Files from before some columns came are read with nulls there, alone and beside newer ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from ims import arrow
from ims.query.engines.duckdb import Engine
from ims.query.engines.parquet_files import lacking, selecting
from ims.query.plans.plan import PLANS
from ims.query.request import make_request
from ims.records import LENGTHS
from ims.store.reader import open_store

from ...store.made import forget_lengths, of_an_earlier_version
from ...stores import MIDNIGHT, ingest, udp, write_pcap

HOUR = 3_600_000_000_000
DARK = 0xC6336407


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hours, each with a packet that is whole and one whose UDP length lies."""
    folder = tmp_path_factory.mktemp("lengths")
    packets = []
    for hour in range(3):
        whole = udp(hour, DARK, 7, b"whole")
        packets += [(MIDNIGHT + hour * HOUR, whole), (MIDNIGHT + hour * HOUR + 1, whole[:24] + b"\0\x09" + whole[26:])]
    capture = write_pcap(folder / "made.pcap", packets)
    return ingest(folder / "store", capture, blocks=["C/24=198.51.100.0/24"])


def lengths(store: Path) -> list[int | None]:
    with open_store(store) as opened:
        engine = Engine([opened])
        found = arrow.rows(engine.run(PLANS["packets"], make_request("packets", None)))
        engine.close()
    return [row["udp_length"] for row in sorted(found, key=lambda row: (row["time"], row["time_ns"]))]


@pytest.mark.parametrize("older", [[], [0], [2], [0, 1], [0, 1, 2]])
def test_what_older_files_lack_is_null(store: Path, tmp_path: Path, older: list[int]) -> None:
    copy = shutil.copytree(store, tmp_path / "copy")
    files = sorted(copy.glob("packets/**/*.parquet"))
    for number in older:
        forget_lengths(files[number])
    of_an_earlier_version(copy)
    assert [lacking(str(file)) for file in files] == [LENGTHS if number in older else () for number in range(3)]
    assert lengths(copy) == [value for hour in range(3) for value in (None, None if hour in older else 9)]


def test_a_file_that_is_not_there_or_none_is_duckdb_s_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"PAR1")
    for name in ("none", "damaged"):
        with pytest.raises(duckdb.Error):
            duckdb.sql(selecting("packets", [tmp_path / name]))


def test_an_option_s_text_is_no_column_s_name(tmp_path: Path) -> None:
    file = tmp_path / "odd"
    file.write_bytes(LENGTHS[-1].encode() + b"\1\2\3" + b"\3\0\0\0PAR1")
    assert lacking(str(file)) == LENGTHS
