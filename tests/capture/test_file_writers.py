"""Who has a file open for writing: told of this process, of another, and not of who reads."""

import os
import subprocess
import sys

from ims.capture.file_writers import is_open_for_writing


def of(path):
    status = path.stat()
    return is_open_for_writing(status.st_dev, status.st_ino)


def test_a_writer_is_found_whatever_else_its_process_closes(tmp_path):
    passing = (tmp_path / "passing").open("wb")
    with (tmp_path / "written").open("wb") as written:
        passing.close()  # its number is lower, and is taken for a moment by whoever lists the open files
        status = os.fstat(written.fileno())
        assert is_open_for_writing(status.st_dev, status.st_ino) is True
    assert is_open_for_writing(status.st_dev, status.st_ino) is not True


def test_who_reads_a_file_is_no_writer(tmp_path):
    (tmp_path / "read").write_bytes(b"x")
    with (tmp_path / "read").open("rb"):
        assert of(tmp_path / "read") is not True


def test_another_process_is_found_as_long_as_it_writes(tmp_path):
    write = "import sys; file = open(sys.argv[1], 'a'); print(flush=True); input()"
    command = [sys.executable, "-c", write, tmp_path / "written"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert of(tmp_path / "written") is True
        other.communicate(b"\n")
    assert of(tmp_path / "written") is not True
