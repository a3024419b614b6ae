"""Files that appear whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ims.whole_file import check_place, opened


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "x.svg"
    with opened(out) as file:
        file.write(b"half")
        assert not out.exists()
    assert out.read_bytes() == b"half" and [each.name for each in tmp_path.iterdir()] == ["x.svg"]


def test_what_fails_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    (out := tmp_path / "x.svg").write_bytes(b"old")
    with pytest.raises(RuntimeError), opened(out) as file:
        file.write(b"new")
        raise RuntimeError
    assert out.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_it_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with opened(tmp_path / "x") as file:
            file.write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_an_open_file_and_standard_output_are_written_as_they_are() -> None:
    into = io.BytesIO()
    with opened(into) as file:
        file.write(b"x")
    assert into.getvalue() == b"x"
    code = "from ims.whole_file import opened\nwith opened('-') as file: file.write(b'seen')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"seen"


def test_a_pipe_is_written_and_stays_one(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with opened(pipe) as file:
        file.write(b"through")
    assert os.read(reader, 100) == b"through" and stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(reader)


def test_where_no_file_can_be_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder; expected a file to write"):
        check_place(tmp_path)
    with pytest.raises(FileNotFoundError, match="no/x: its folder isn't there"):
        check_place(tmp_path / "no" / "x")
    check_place(tmp_path / "x")
    with pytest.raises(FileNotFoundError), opened(tmp_path / "no" / "x"):
        raise AssertionError("not reached")
