"""Which reader a capture gets, by its first octets alone, whatever its name; and what is refused in words."""

import contextlib
import gzip
import io
import lzma
import re
import tarfile
from pathlib import Path

import pytest

from ims.capture.decompression import FORMATS
from ims.capture.erf import ErfSource
from ims.capture.open import open_source
from ims.capture.pcap import PcapSource
from ims.capture.pcapng import PcapngSource
from ims.capture.stream import READ

from .test_decompression import KINDS, pressed
from .test_erf import record
from .writers import RAW, Packet, enhanced, interface, pcap, section

PACKETS = [Packet(1_772_600_400 * 10**9 + number * 1000, RAW, bytes([number]) * 30, 30) for number in range(1, 8)]
WRITTEN = {
    PcapSource: pcap(PACKETS),
    PcapngSource: section() + interface() + b"".join(enhanced(0, one.time // 1000, one.octets) for one in PACKETS),
    ErfSource: b"".join(record(one.time, one.octets, kind=22) for one in PACKETS),
}


@pytest.mark.parametrize("name", ["capture", "capture.txt", "capture.pcap.gz", "capture.erf"])
@pytest.mark.parametrize("source", WRITTEN)
def test_the_first_octets_tell_and_no_name_does(tmp_path, source, name):
    path = tmp_path / name
    for octets in (WRITTEN[source], *(pressed(kind, WRITTEN[source]) for kind in KINDS)):
        path.write_bytes(octets)
        with contextlib.closing(open_source(path)) as opened:
            assert type(opened) is source
            assert sum(frames.count for frames in opened) == len(PACKETS)


def test_an_empty_file_is_called_empty_and_told_what_is_read(tmp_path):
    (tmp_path / "empty.pcap").touch()
    with pytest.raises(ValueError, match="pcap is empty") as caught:
        open_source(tmp_path / "empty.pcap")
    assert str(caught.value) == f"{tmp_path}/empty.pcap is empty; expected {READ}"


def test_readme_and_refusals_name_every_format_and_compression():
    section = (Path(__file__).parents[2] / "README.md").read_text().partition("## Your own capture")[2]
    table = section.partition("## ")[0]
    for name in ["pcap", "pcapng", "ERF", *(each.name for each in FORMATS)]:
        assert re.search(rf"\b{name}\b", READ) and re.search(rf"\b{name}\b", table), name
    for dialect in (
        "nanoseconds",
        "2.0 to 2.4",
        "543.0",
        "Kuznetzov",
        "Red Hat 6.1",
        "SuSE 6.3",
        "AIX",
        "Ixia",
        "Nokia",
    ):
        assert dialect in table, dialect


@pytest.mark.parametrize("octets", [b"a", b"ab\n", b"\xd4\xc3\xb2", b"\x0a\x0d\x0d"])
def test_fewer_octets_than_tell_are_refused(tmp_path, octets):
    (tmp_path / "short").write_bytes(octets)
    with pytest.raises(ValueError, match=rf"^[^\n]+short is no capture: it begins with {octets.hex(' ')}; expected "):
        open_source(tmp_path / "short")


def test_the_file_of_what_is_refused_is_closed(tmp_path):
    (tmp_path / "text").write_bytes(b"no capture at all")
    for _ in range(2000):  # more than a process may have open
        with pytest.raises(ValueError, match="is no capture"):
            open_source(tmp_path / "text", chunk=64)


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"snoop\0\0\0\0\0\0\2", "Sun's snoop"),
        (b"RTSS\1\1", "Microsoft Network Monitor 1"),
        (b"GMBU\0\2", "Microsoft Network Monitor 2"),
        (b"PK\3\4", "a zip archive"),
        (b"\x1f\x9d\x90", "compress's .Z"),
        (b"\x02\x21\x4c\x18", "lz4's legacy format"),
        (b"\xa1\x2b\x3c\x4d", "Navtel's pcap"),
    ],
)
def test_a_foreign_file_is_called_by_its_name_and_how_to_convert_it_is_told(tmp_path, octets, name):
    (tmp_path / "foreign").write_bytes(octets + bytes(100))
    with pytest.raises(ValueError, match=f"is no capture: it begins with .*{name}.*pcapng, ERF.*xz, lz4.*editcap -F"):
        open_source(tmp_path / "foreign")


FOREIGN = {
    b"snoop\0\0\0\0\0\0\2\0\0\0\4": "Sun's snoop",
    b"ObserverPktBufferVersion=15.00\0\0": "Network Instruments' Observer",
    b"TR\0d" + bytes(60): "HP-UX nettl",
    b"+---------+---------------+----------+": "K12 text",
    lzma.compress(pcap(PACKETS), format=lzma.FORMAT_ALONE): "lzma without xz: `xz -dc` reads it",
    gzip.compress(gzip.compress(pcap(PACKETS))): "compressed twice: below is gzip",
    pressed("zstd", pressed("xz", pcap(PACKETS))): "compressed twice: below is xz",
}


@pytest.mark.parametrize("octets", FOREIGN, ids=FOREIGN.values())
def test_what_is_known_and_not_read_is_named(tmp_path, octets):
    path = tmp_path / "capture.pcap"
    path.write_bytes(octets)
    with pytest.raises(ValueError, match=re.escape(f"({FOREIGN[octets]}); expected {READ}. Others can be converted")):
        open_source(path)


@pytest.mark.parametrize("kind", ["plain", *KINDS])
def test_an_archive_of_captures_is_to_be_unpacked(tmp_path, kind):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("a.pcap")
        entry.size = len(pcap(PACKETS))
        tar.addfile(entry, io.BytesIO(pcap(PACKETS)))
    octets = archive.getvalue()
    (tmp_path / "captures").write_bytes(octets if kind == "plain" else pressed(kind, octets))
    with pytest.raises(
        ValueError, match=re.escape("begins with 61 2e 70 63 (a tar archive: unpack it first); expected")
    ):
        open_source(tmp_path / "captures")
