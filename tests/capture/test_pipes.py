"""Packets of a pipe come as soon as they are written, in every format; silence is told, and so is the end."""

import contextlib
import os
import subprocess
import sys
import zlib

import pytest
import zstandard

from ims.capture.open import open_source
from ims.capture.stream import READ

from . import writers as w
from .measured import measured
from .writers import MICRO, MODIFIED, RAW, Packet, pcap, pcap_header, pcap_record

PACKETS = [Packet(number * 1000, RAW, bytes([number]) * number * 5, number * 9) for number in range(1, 8)]


class Plain:
    """Writes octets as they are."""

    def now(self, octets):
        return octets

    def end(self):
        return b""


class Gzip:
    """Each write can be decompressed at once."""

    def __init__(self):
        self._coder = zlib.compressobj(wbits=31)

    def now(self, octets):
        return self._coder.compress(octets) + self._coder.flush(zlib.Z_SYNC_FLUSH)

    def end(self):
        return self._coder.flush()


class Zstd:
    """The same."""

    def __init__(self):
        self._coder = zstandard.ZstdCompressor().compressobj()

    def now(self, octets):
        return self._coder.compress(octets) + self._coder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self):
        return self._coder.flush()


def pcapng_record(packet):
    return w.enhanced(0, packet.time // 1000, packet.octets, packet.length)


FORMATS = {"pcap": (pcap_header(), pcap_record), "pcapng": (w.section() + w.interface(), pcapng_record)}
every_format = pytest.mark.parametrize("written_as", FORMATS)
every_coder = pytest.mark.parametrize("coder", [Plain, Gzip, Zstd])


@contextlib.contextmanager
def fifo(folder):
    """A named pipe, and a file descriptor that writes to it."""
    path = folder / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)  # neither end waits for the other
    with contextlib.ExitStack() as stack:
        end = stack.enter_context(os.fdopen(writer, "wb", buffering=0))
        yield path, end


def next_packets(frames_of):
    """The next frames that hold packets."""
    frames = next(frames for frames in frames_of if frames.count)
    each = range(frames.count)
    return [frames.octets[frames.offset[row] : frames.offset[row] + frames.captured[row]].tobytes() for row in each]


@every_coder
@every_format
def test_each_packet_comes_before_the_next_is_written(tmp_path, written_as, coder):
    header, record = FORMATS[written_as]
    coder = coder()
    with fifo(tmp_path) as (path, end):
        end.write(coder.now(header))
        with contextlib.closing(open_source(path)) as source:
            assert source.file_octets is None
            frames_of = iter(source)
            for packet in PACKETS:
                end.write(coder.now(record(packet)))
                assert next_packets(frames_of) == [packet.octets]
            end.write(coder.end())
            end.close()
            assert [frames for frames in frames_of if frames.count] == []
            assert source.warnings == []


@every_coder
@every_format
def test_silence_is_told_within_a_record_too(tmp_path, written_as, coder):
    header, record = FORMATS[written_as]
    octets = record(PACKETS[-1])
    coder = coder()
    with fifo(tmp_path) as (path, end):
        end.write(coder.now(header))
        with contextlib.closing(open_source(path)) as source:
            frames_of = iter(source)
            end.write(coder.now(octets[:30]))
            assert next(frames_of).count == 0
            end.write(coder.now(octets[30:]))
            assert next_packets(frames_of) == [PACKETS[-1].octets]
            assert next(frames_of).count == 0


EVERY_BLOCK = [w.block(kind, bytes(40)) for kind in (w.INTERFACE, w.STATISTICS, w.NAMES, w.PACKET)]
LONG_BLOCKS = [w.block(kind, bytes(2 << 20)) for kind in (w.INTERFACE, w.PACKET)]


@pytest.mark.parametrize(
    "octets", [w.section(end=bytes(24)), *EVERY_BLOCK, *LONG_BLOCKS], ids=lambda octets: octets[:8].hex()
)
def test_silence_is_told_within_every_pcapng_block(tmp_path, octets):
    with fifo(tmp_path) as (path, end):
        end.write(w.section() + w.interface() + pcapng_record(PACKETS[0]))
        with contextlib.closing(open_source(path)) as source:
            frames_of = iter(source)
            assert next_packets(frames_of) == [PACKETS[0].octets]
            end.write(octets[:30])
            assert next(frames_of).count == 0


@pytest.mark.parametrize("dialect", [(MICRO, 8), (MICRO, 4), (MODIFIED, 8), (MODIFIED, 12)])
def test_records_with_longer_headers_are_told_in_a_pipe_that_has_them_ready(tmp_path, dialect):
    """Red Hat's and Nokia's, which have pcap's usual magic number; Kuznetzov's and SuSE's."""
    magic, longer = dialect
    (tmp_path / "old").write_bytes(
        pcap_header(magic=magic)
        + b"".join(pcap_record(packet)[:16] + bytes(longer) + packet.octets for packet in PACKETS)
    )
    with subprocess.Popen(["cat", tmp_path / "old"], stdout=subprocess.PIPE) as cat:
        assert w.packets_of(f"/dev/fd/{cat.stdout.fileno()}") == PACKETS


@every_coder
def test_a_pipe_that_ends_within_a_record_says_so(tmp_path, coder):
    coder = coder()
    with fifo(tmp_path) as (path, end):
        end.write(coder.now(pcap(PACKETS)[:-1]) + coder.end())
        with contextlib.closing(open_source(path)) as source:
            frames_of = iter(source)
            assert next_packets(frames_of) == [packet.octets for packet in PACKETS[:-1]]
            end.close()
            assert [frames for frames in frames_of if frames.count] == []
            assert len(source.warnings) == 1
            assert source.warnings[0].startswith("cut off at byte ")


@pytest.mark.parametrize(("written_as", "coder"), [("pcap", Plain), ("pcapng", Gzip)])
def test_standard_input_is_read_from_a_file_and_from_a_pipe(tmp_path, written_as, coder):
    header, record = FORMATS[written_as]
    coder = coder()
    file = tmp_path / "made"
    file.write_bytes(coder.now(header + b"".join(map(record, PACKETS))) + coder.end())
    with file.open("rb") as opened:
        told = [measured("-", opened)]
    with subprocess.Popen(["cat", file], stdout=subprocess.PIPE) as cat:
        told.append(measured("-", cat.stdout))
    for each in told:
        assert (each["packets"], each["warnings"], each["error"]) == (len(PACKETS), [], None)


def test_an_empty_pipe_is_refused_in_one_line():
    command = [sys.executable, "-c", "from ims.capture.open import open_source; open_source('-')"]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert run.stderr.splitlines()[-1] == f"ValueError: standard input is empty; expected {READ}"
