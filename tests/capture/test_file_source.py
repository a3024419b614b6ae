"""What readers of files have in common: what they say of a file that isn't whole, and its digests."""

import contextlib
import errno
import gzip
import os
from io import FileIO

import pytest
import xxhash

from ims.capture import stream
from ims.capture.file_source import WARNINGS
from ims.capture.open import open_source

from .writers import RAW, Packet, pcap, pcap_record, read

PACKETS = [Packet(number * 1000, RAW, bytes([number]) * 30, 30) for number in range(1, 8)]


def test_at_most_so_many_warnings_come_of_one_file_and_all_its_packets(tmp_path):
    records = b"".join(bytes(16 * number) + pcap_record(PACKETS[0]) for number in range(1, WARNINGS + 50))
    (tmp_path / "made").write_bytes(pcap([]) + records)
    packets, warnings, _ = read(tmp_path / "made")
    assert packets == [PACKETS[0]] * (WARNINGS + 49)
    assert len(warnings) == WARNINGS


def test_a_file_is_complete_unless_something_of_it_was_not_read(tmp_path):
    whole = pcap(PACKETS)
    for octets, count, complete in (
        (whole, 7, True), (whole[:-1], 6, False), (whole + bytes(64), 7, False), (whole + b"\xff" * 40, 7, False)
    ):  # fmt: skip
        (tmp_path / "made").write_bytes(octets)
        with contextlib.closing(open_source(tmp_path / "made")) as source:
            assert sum(frames.count for frames in source) == count
            assert source.complete is complete
            assert bool(source.warnings) is not complete


def test_digests_are_those_of_the_octets_up_to_there(tmp_path):
    octets = pcap(PACKETS)
    (tmp_path / "made").write_bytes(octets + b"cut")
    with contextlib.closing(open_source(tmp_path / "made", 100)) as source:
        source.mark(200)
        assert source.position == 24
        frames_of = iter(source)
        came = next(frames_of).count
        first = 24 + 16 + len(PACKETS[0].octets)
        assert source.first_digest == xxhash.xxh3_128_hexdigest(octets[:first])
        assert came + sum(frames.count for frames in frames_of) == len(PACKETS)
        assert source.position == len(octets)
        assert source.digest() == xxhash.xxh3_128_hexdigest(octets)
        assert source.mark_digest == xxhash.xxh3_128_hexdigest(octets[:200])


class BadSector(FileIO):
    """A file that can be read up to its middle."""

    @property
    def _good(self):
        return os.fstat(self.fileno()).st_size // 2 - self.tell()

    def readinto(self, target):
        if self._good <= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(memoryview(target)[: self._good])

    def read(self, size=-1):
        if self._good <= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(min(size, self._good))


@pytest.mark.parametrize("pressed", [bytes, lambda octets: gzip.compress(octets, 0)], ids=["plain", "gzip"])
def test_what_stands_before_a_bad_sector_is_read_and_the_error_is_said(tmp_path, monkeypatch, pressed):
    packets = [Packet(number * 1000, RAW, bytes(range(200)), 200) for number in range(1000)]
    octets = pressed(pcap(packets))
    (tmp_path / "made").write_bytes(octets)
    monkeypatch.setattr(stream, "open_file", lambda path: (BadSector(path), len(octets)))
    with contextlib.closing(open_source(tmp_path / "made")) as source:
        assert 480 <= sum(frames.count for frames in source) <= 500
        assert not source.complete
        assert source.warnings[0] == f"can't be read beyond byte {len(octets) // 2:,} (Input/output error)"
