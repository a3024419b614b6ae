"""Times that pcap can't hold come back through pcapng, as other programs and our own reader read it."""

import struct
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ims
from ims.capture.open import open_source
from ims.store.pcapng import pcapng_blocks, pcapng_header

from ..stores import ingest, needs_programs, udp

DARK = 0xC6336407
SECOND = 10**9
FAR = {
    "1677": -9_223_372_035 * SECOND, "1969": -1, "1970": 0, "2026": 1_772_582_400 * SECOND + 123_456_789,
    "2106": (2**32 - 1) * SECOND + 999_999_999, "2106+": 2**32 * SECOND, "2262": 9_223_372_035 * SECOND + 7,
}  # fmt: skip


def capture(path, times):
    """A capture by hand: one interface of nanoseconds for each side of 1970."""
    blocks = []
    for time in times:
        packet = udp(1, DARK, 53, b"%d" % time)
        stamp = time - (-9_223_372_036 * SECOND) if time < 0 else time
        body = struct.pack("<IIIII", time < 0, stamp >> 32, stamp & 0xFFFFFFFF, len(packet), len(packet))
        body += packet + bytes(-len(packet) % 4)
        total = struct.pack("<I", 12 + len(body))
        blocks.append(struct.pack("<I", 6) + total + body + total)
    path.write_bytes(pcapng_header() + b"".join(blocks))
    return path


def read(path):
    source = open_source(str(path))
    found = []
    for frames in source:
        for n in range(frames.count):
            at = int(frames.offset[n])
            octets = bytes(frames.octets[at : at + int(frames.captured[n])])
            found.append((int(frames.time[n]), octets))
    source.close()
    return found


@pytest.fixture
def far(tmp_path):
    return ingest(tmp_path / "S", capture(tmp_path / "far.pcapng", sorted(FAR.values())))


@pytest.mark.parametrize("link", ["raw", "ethernet"])
def test_what_was_ingested_is_exported_with_its_times(tmp_path, far, link):
    with ims.open(far) as telescope:
        with pytest.raises(ValueError, match=r"^4 packets are of times before 1970 or after 2106.*export pcapng"):
            telescope.export(tmp_path / "x.pcap", "pcap")
        assert not (tmp_path / "x.pcap").exists()
        assert telescope.export(tmp_path / "x.pcapng", "pcapng", link=link).packets == len(FAR)
    header = 14 if link == "ethernet" else 0
    found = [(time, octets[header:]) for time, octets in read(tmp_path / "x.pcapng")]
    assert found == [(time, udp(1, DARK, 53, b"%d" % time)) for time in sorted(FAR.values())]


@needs_programs("tshark", "editcap")
def test_tshark_reads_the_times_and_editcap_the_file(tmp_path, far):
    with ims.open(far) as telescope:
        telescope.export(tmp_path / "x.pcapng", "pcapng")
    words = ["-T", "fields", "-e", "frame.time_epoch", "-e", "ip.dst", "-e", "udp.checksum.status"]
    words += ["-o", "udp.check_checksum:TRUE"]
    done = subprocess.run(["tshark", "-n", "-r", tmp_path / "x.pcapng", *words], capture_output=True, check=True)
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert {row[1] for row in rows} == {"198.51.100.7"}
    assert [row[0] for row in rows if not row[0].startswith("-")] == [
        f"{time // SECOND}.{time % SECOND:09d}" for time in sorted(FAR.values()) if time >= 0
    ]
    subprocess.run(["editcap", "-F", "pcapng", tmp_path / "x.pcapng", tmp_path / "y.pcapng"], check=True)
    assert read(tmp_path / "y.pcapng") == read(tmp_path / "x.pcapng")


@given(st.lists(st.tuples(st.integers(-(2**63) + 10**9, 2**63 - 1), st.binary(max_size=50)), max_size=5))
def test_blocks_are_read_back_as_written(tmp_path_factory, packets):
    limit = 9_223_372_036 * SECOND
    packets = [(max(-limit + 1, min(limit - 1, time)), octets) for time, octets in packets]
    records = b"".join(struct.pack("<IIII", 1, 1, len(octets), len(octets)) + octets for _, octets in packets)
    offsets = np.cumsum([0] + [16 + len(octets) for _, octets in packets])
    times = np.array([time for time, _ in packets], np.int64)
    blocks = pcapng_blocks(np.frombuffer(records, np.uint8), offsets, times)
    file = tmp_path_factory.mktemp("blocks") / "x.pcapng"
    file.write_bytes(pcapng_header() + blocks.tobytes())
    assert read(file) == packets
