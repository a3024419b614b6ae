"""A sensor's word that it lives: small, rewritten in place on a full disk, and a lock that ends with the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.store.heartbeat import BLOCK, Beat, Heartbeat, heartbeat_file, read_heartbeat
from ims.store.schema import create_store, state_folder

from .full_disk import files_end_at, small_disk

NOW = 1_772_582_400.0
BEAT = Beat(time=NOW, began=NOW - 5, storing_since=NOW - 5, boot="b", uptime=7.0, last_packet=NOW - 1)


@pytest.fixture
def store(tmp_path):
    return made(tmp_path / "S")


def made(path):
    create_store(path)
    state_folder(path, "a").mkdir(parents=True)
    return path


def test_what_is_written_is_read_and_lives_while_the_file_is_held(store):
    assert read_heartbeat(store, "a") is None
    heartbeat = Heartbeat(store, "a")
    assert read_heartbeat(store, "a") is None  # reserved, nothing said yet
    heartbeat.write(BEAT)
    assert read_heartbeat(store, "a") == (BEAT, True)
    assert read_heartbeat(store, "a") == (BEAT, True)  # looking lets go of nothing
    heartbeat.close()
    assert read_heartbeat(store, "a") == (BEAT, False)
    assert heartbeat_file(store, "a").stat().st_size == BLOCK


def test_a_process_that_is_killed_lives_no_more(store):
    script = (
        "import os, sys, time\nfrom pathlib import Path\nfrom ims.store.heartbeat import *\n"
        f"heartbeat = Heartbeat(Path({str(store)!r}), 'a')\n"
        "heartbeat.write(Beat(time=1, began=1, storing_since=1))\nprint('said', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"said\n"
        assert read_heartbeat(store, "a").lives is True
        process.kill()
        process.wait()
    assert read_heartbeat(store, "a").lives is False


def test_it_is_rewritten_on_a_full_disk(tmp_path):
    with small_disk(tmp_path / "D", 256 << 10) as mounted:
        store = made(tmp_path / "D" / "S")
        heartbeat = Heartbeat(store, "a")
        if mounted:
            with pytest.raises(OSError, match="No space left"), (tmp_path / "D" / "fill").open("wb") as file:
                while True:
                    file.write(bytes(4096))
                    file.flush()
        with files_end_at(BLOCK):
            heartbeat.write(BEAT)
        assert read_heartbeat(store, "a") == (BEAT, True)
        heartbeat.close()


def test_a_full_disk_is_told_with_the_file_and_the_next_try_succeeds(store):
    with files_end_at(100), pytest.raises(OSError, match="heartbeat"):
        Heartbeat(store, "a")
    heartbeat = Heartbeat(store, "a")
    heartbeat.write(BEAT)
    assert read_heartbeat(store, "a") == (BEAT, True)
    heartbeat.close()


@given(st.binary(max_size=2 * BLOCK) | st.binary(max_size=20).map(lambda end: b"00000000 " + end))
def test_what_is_no_heartbeat_is_none(tmp_path_factory, octets):
    store = tmp_path_factory.getbasetemp() / "hostile"
    if not store.exists():
        made(store)
    heartbeat_file(store, "a").write_bytes(octets)
    assert read_heartbeat(store, "a") is None


@pytest.mark.parametrize("text", [b"{}", b"[]", b'{"time":1e999,"began":1,"storing_since":1}', b'{"time":-1}', b"\xff"])
def test_a_right_checksum_over_nonsense_is_none(store, text):
    import zlib

    heartbeat_file(store, "a").write_bytes(b"%08x %s" % (zlib.crc32(text), text))
    assert read_heartbeat(store, "a") is None


def test_what_it_says_fits_whatever_happens(store):
    why = "\x00" * 300
    longest = BEAT.model_copy(update={"why": why, "down": ("é" * 15,) * 32, "lost_in_ring": (1 << 63) - 1})
    heartbeat = Heartbeat(store, "a")
    heartbeat.write(longest)
    assert read_heartbeat(store, "a") == (longest, True)
    heartbeat.close()


def test_neither_a_link_nor_a_pipe_is_followed(store):
    os.mkfifo(heartbeat_file(store, "a"))
    assert read_heartbeat(store, "a") is None
    heartbeat_file(store, "a").unlink()
    heartbeat_file(store, "a").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="heartbeat"):
        read_heartbeat(store, "a")
