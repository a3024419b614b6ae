"""A full disk's error names the file that was being written, whoever writes it; other errors stay as they are."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ims.full_disk import naming

from .store.full_disk import files_end_at, small_disk
from .stores import IMS, cli, ingest

ROOM = 4096
WRITERS: dict[str, Callable[[Path, Path], object]] = {
    "an open file": lambda _, target: target.write_bytes(bytes(3 * ROOM)),
    "a copy": shutil.copyfile,
    "Arrow": lambda _, target: pq.write_table(pa.table({"a": list(range(100_000))}), target),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", ["a disk of its own", "no larger files"])
def test_the_error_names_the_file(tmp_path: Path, writer: str, kind: str) -> None:
    source, disk = tmp_path / "source", tmp_path / "disk"
    source.write_bytes(bytes(3 * ROOM))
    if kind == "no larger files":
        disk.mkdir()
        with files_end_at(ROOM):
            error = _error(WRITERS[writer], source, disk / "target")
    else:
        with small_disk(disk, ROOM) as mounted:
            if not mounted:
                pytest.skip("file systems can't be mounted here; CI is root")
            error = _error(WRITERS[writer], source, disk / "target")
    number = errno.EFBIG if kind == "no larger files" else errno.ENOSPC
    assert (error.errno, error.strerror, error.filename) == (number, os.strerror(number), str(disk / "target"))


def _error(write: Callable[[Path, Path], object], source: Path, target: Path) -> OSError:
    with pytest.raises(OSError) as caught, naming(target):
        write(source, target)
    return caught.value


def test_what_names_its_file_and_what_is_no_full_disk_stays_as_it_is(tmp_path: Path) -> None:
    for error in (
        OSError(errno.ENOSPC, "said already", "inner"),
        FileNotFoundError(errno.ENOENT, "gone", "inner"),
        OSError(errno.EIO, "read error"),
        OSError("words alone"),
        BrokenPipeError(errno.EPIPE, "reader left"),
        ValueError("no error of a file"),
    ):
        with pytest.raises(type(error)) as caught, naming(tmp_path):
            raise error
        assert caught.value is error


def test_commands_name_the_file(tmp_path: Path, one_store: Path, samples: dict[int, Path]) -> None:
    out = tmp_path / "out"
    store = ["--store", tmp_path / "STORE", "--sensor", "a", "--block", "C/24=198.51.100.0/24"]
    for words, named in (
        (["simulate", "modern", "--scale", "0.001", "--out", out], out),
        (["export", "pcap", "--store", one_store, "--out", out], out),
        (["export", "parquet", "--store", one_store, "--out", out], out),
        (["ingest", samples[1], *store], tmp_path / "STORE"),
    ):
        command = [IMS, *map(str, words)]
        assert cli(*words).returncode == 0  # what it compiles isn't the first to be too large
        _remove(named)
        with files_end_at(ROOM):  # a process begun here has the same limit
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        last = done.stderr.splitlines()[-1]
        assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
        assert last.startswith(f"ims: {named}") and last.endswith(": File too large"), last
        _remove(named)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def test_a_full_kernel_cache_is_named(tmp_path: Path, samples: dict[int, Path]) -> None:
    disk = tmp_path / "disk"
    words = ["ingest", samples[1], "--store", tmp_path / "STORE", "--sensor", "a", "--block", "C/24=198.51.100.0/24"]
    with small_disk(disk, 100 * ROOM) as mounted:
        if not mounted:
            pytest.skip("file systems can't be mounted here; CI is root")
        flags = {"IMS_BOUNDSCHECK": "all"}  # of which an installation on this machine has none
        environment = os.environ | flags | {"IMS_CACHE_DIR": str(disk / "kernels")}
        done = subprocess.run([IMS, *map(str, words)], env=environment, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert last.startswith(f"ims: the kernel cache {disk}/kernels/") and last.endswith(": No space left on device")


def test_a_token_that_finds_no_room_names_its_file(tmp_path: Path) -> None:
    accounts = ["--accounts", tmp_path / "accounts.db"]
    assert cli("account", "add", "bob", "--role", "viewer", *accounts, input="long enough by far\n").returncode == 0
    with small_disk(tmp_path / "disk", ROOM) as mounted:
        if not mounted:
            pytest.skip("file systems can't be mounted here; CI is root")
        (tmp_path / "disk" / "full").write_bytes(bytes(ROOM))
        out = tmp_path / "disk" / "token"
        done = cli("account", "token", "bob", "--label", "x", "--out", out, *accounts)
        assert (done.returncode, done.stderr) == (2, f"ims: {out}: No space left on device\n")
        assert not out.exists()


def test_a_store_on_a_full_disk_goes_on_once_there_is_room(tmp_path: Path, samples: dict[int, Path]) -> None:
    """Naming the file changes nothing of what a failed ingest leaves."""
    store, whole = tmp_path / "STORE", ingest(tmp_path / "WHOLE", samples[1])
    with files_end_at(ROOM), pytest.raises(OSError, match="File too large") as caught:
        ingest(store, samples[1])
    assert str(caught.value.filename).startswith(str(store))
    ingest(store, samples[1])
    assert _rows(store) == _rows(whole) == 3000


def _rows(store: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in store.glob("packets/**/*.parquet"))
