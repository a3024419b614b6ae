"""One writer a sensor name, across processes, and none of them keeps the name when it dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ims.store.lock import WriterLock

HOLD = """
import sys, time
from pathlib import Path
from ims.store.lock import WriterLock
lock = WriterLock(Path(sys.argv[1]), "a")
print("held", flush=True)
sys.stdin.read()
"""


def hold(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_by_the_number_of_the_holder(tmp_path):
    with hold(tmp_path) as process:
        with pytest.raises(ValueError, match=f"'a' is being written by process {process.pid};"):
            WriterLock(tmp_path, "a")
        process.communicate("")
    WriterLock(tmp_path, "a").release()


def test_a_killed_process_holds_nothing(tmp_path):
    with hold(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    WriterLock(tmp_path, "a").release()


def test_the_same_process_is_refused_too_until_release(tmp_path):
    lock = WriterLock(tmp_path, "a")
    for _ in range(3):
        with pytest.raises(ValueError, match=f"process {os.getpid()};"):
            WriterLock(tmp_path, "a")
    lock.release()
    WriterLock(tmp_path, "a").release()


def test_other_names_are_free(tmp_path):
    lock = WriterLock(tmp_path / "sensor=a", "a")
    WriterLock(tmp_path / "sensor=b", "b").release()
    lock.release()


def test_a_refused_lock_leaves_no_file_open(tmp_path):
    lock = WriterLock(tmp_path, "a")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ValueError, match="is being written"):
        WriterLock(tmp_path, "a")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    lock.release()
