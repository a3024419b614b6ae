"""What a capture may be read from, and that waiting for it ends when it should."""

import contextlib
import os
import socket
import threading

import pytest

from ims.capture.file import gives_once, identity
from ims.capture.open import open_source

from .writers import RAW, Packet, pcap, pcap_header

PACKETS = [Packet(number * 1000, RAW, bytes([number]) * 30, 30) for number in range(1, 8)]


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def packets_of(source):
    return sum(frames.count for frames in source)


def test_a_named_pipe_is_opened_before_its_writer_is_there(pipe):
    asked = threading.Event()

    def write():
        asked.wait(30)
        pipe.write_bytes(pcap(PACKETS))

    writer = threading.Thread(target=write)
    writer.start()

    def stop():  # asked while nothing has come
        asked.set()
        return False

    with contextlib.closing(open_source(pipe, stop=stop)) as source:
        assert source.file_octets is None
        assert packets_of(source) == len(PACKETS)
        assert (source.warnings, source.complete) == ([], True)
    writer.join()


@pytest.mark.parametrize("octets", [b"", b"\xd4\xc3", pcap_header()[:10], b"\x0a\x0d\x0d\x0a", b"\x1f\x8b\x08"])
def test_waiting_for_the_beginning_ends_when_it_should(pipe, octets):
    writer = os.open(pipe, os.O_RDWR)
    os.write(writer, octets)
    asked = iter([False, False, True])
    with pytest.raises(InterruptedError):
        open_source(pipe, stop=lambda: next(asked))
    os.close(writer)


def test_what_can_not_be_a_capture_is_refused_in_words(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; expected a capture file"):
        open_source(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        open_source(tmp_path / "none")
    with pytest.raises(ValueError, match="/dev/null is empty"):
        open_source("/dev/null")
    with pytest.raises(ValueError, match="/dev/zero is no capture"):
        open_source("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        with pytest.raises(ValueError, match="is a socket; expected a capture file or a pipe"):
            open_source(tmp_path / "socket")
    controller, terminal = os.openpty()
    with pytest.raises(ValueError, match="is a terminal; expected"):
        open_source(os.ttyname(terminal))
    os.close(controller)
    os.close(terminal)


def test_one_pipe_by_two_names_is_one(tmp_path, pipe):
    (tmp_path / "link").symlink_to(pipe)
    assert identity(tmp_path / "link") == identity(pipe)
    assert gives_once(pipe)
    reader, writer = os.pipe()
    assert gives_once(f"/dev/fd/{reader}")
    assert identity(f"/dev/fd/{reader}") == identity(f"/proc/self/fd/{writer}")
    os.close(reader)
    os.close(writer)
    (tmp_path / "file").write_bytes(b"")
    assert not gives_once(tmp_path / "file")
