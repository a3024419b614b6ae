"""`ims store verify`: a line for each fault, and an exit status by which a program knows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ..stores import cli


def spoiled(place: Path) -> Path:
    file = next(place.glob("packets/**/*.parquet"))
    octets = bytearray(file.read_bytes())
    octets[len(octets) // 2] ^= 1
    file.write_bytes(octets)
    return file


@pytest.mark.parametrize("kind", ["store", "lake"])
def test_a_whole_one_is_said_to_be_and_a_damaged_one_names_the_file(tmp_path: Path, one_store: Path, kind: str) -> None:
    place = shutil.copytree(one_store, tmp_path / "S")
    if kind == "lake":
        assert cli("ship", "--store", place, "--to", tmp_path / "L").returncode == 0
        place = tmp_path / "L"
    done = cli("store", "verify", place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("; all is as it was written\n")
    file = spoiled(place)
    done = cli("store", "verify", place)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"{file} is damaged: its octets aren't those that were ")
    assert done.stdout.endswith("; 1 damaged\n")
    done = cli("store", "verify", place, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["whole"], len(found["faults"])) == (1, False, 1)
    assert (found["faults"][0]["file"], found["faults"][0]["kind"]) == (str(file), "damaged")
    words = ("--lake", place) if kind == "lake" else ("--store", place)
    done = cli("query", "count", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ims: {file} is damaged: ")
    assert done.stderr.count("\n") == 1


def test_leftovers_are_counted_beside_what_is_as_it_was_written(tmp_path: Path, one_store: Path) -> None:
    place = shutil.copytree(one_store, tmp_path / "S")
    sensor = next(place.glob("packets/sensor=*")).name
    for digit, told in (("0", "1 leftover"), ("1", "2 leftovers")):
        left = place / "_hot/packets" / sensor / "date=2026-03-05/hour=12" / f"{digit * 32}.parquet"
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"x")
        done = cli("store", "verify", place)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{place / '_hot'}")
        assert done.stdout.endswith(f" compared; all that is listed is as it was written, and {told}\n")
    spoiled(place)
    assert cli("store", "verify", place).stdout.endswith("; 1 damaged, 2 leftover\n")


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    done = cli("store", "verify", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"ims: {tmp_path} is no store: it has no store.json; `ims ingest` makes one\n"
    done = cli("store", "verify", tmp_path / "none")
    assert (done.returncode, done.stderr) == (2, f"ims: {tmp_path}/none: no such store\n")
