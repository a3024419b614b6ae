"""Other programs' files give the same packets, and other programs see the same packets: editcap, tshark, tcpdump, gzip."""

import shutil
import subprocess
from decimal import Decimal

import pytest

from ..stores import needs_captures
from .writers import NANO, captures, is_pcapng, packets_of, pcap, read

WRITTEN = {"pcap": 1000, "nsecpcap": 1, "modpcap": 1000, "pcapng": 1}
"""what editcap calls a format: its unit of time in nanoseconds"""
TWO_LINKS = {"pcapngtest-le-advanced-test102.pcapng"}
"""editcap can write it in no format, and tcpdump reads one link type a file"""
PPP, PPP_SERIAL = 9, 50


def of_one_link(paths):
    return [path for path in paths if path.name not in TWO_LINKS]


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"no {program} here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tools")


def in_units(packets, unit):
    return [packet._replace(time=packet.time // unit * unit) for packet in packets]


@needs_captures
@needs("editcap")
@pytest.mark.parametrize("capture", of_one_link(captures(200_000)), ids=lambda path: path.name)
def test_what_editcap_writes_in_another_format_has_the_same_packets(folder, capture):
    packets = read(capture).packets
    packets = [packet._replace(link=PPP if packet.link == PPP_SERIAL else packet.link) for packet in packets]
    for written, unit in WRITTEN.items():
        out = folder / written
        subprocess.run(["editcap", "-F", written, capture, out], check=True, capture_output=True)
        assert packets_of(out) == in_units(packets, unit), written


def seen_by_tshark(capture):
    """Time in nanoseconds (0 for none), length, captured length of each packet."""
    fields = ["-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len"]
    packets_only = ["-Y", "frame.encap_type"]  # other blocks of pcapng count as frames there
    command = ["tshark", "-n", "-r", capture, *packets_only, "-T", "fields"]
    run = subprocess.run([*command, *fields], capture_output=True, text=True, check=False)
    lines = [line.split("\t") for line in run.stdout.splitlines()]
    return [(int(Decimal(time or 0) * 10**9), int(length), int(captured)) for time, length, captured in lines]


@needs_captures
@needs("tshark")
@pytest.mark.parametrize("capture", [*filter(is_pcapng, captures()), *captures()[::5]], ids=lambda path: path.name)
def test_tshark_sees_the_same_packets(capture):
    packets = [(packet.time, packet.length, len(packet.octets)) for packet in read(capture).packets]
    assert packets == seen_by_tshark(capture)


@needs_captures
@needs("tcpdump")
@pytest.mark.parametrize("capture", of_one_link(captures()), ids=lambda path: path.name)
def test_tcpdump_writes_the_same_octets(capture):
    command = ["tcpdump", "-r", capture, "--time-stamp-precision=nano", "-w", "-"]
    run = subprocess.run(command, capture_output=True, check=False)
    assert run.stdout[24:] == pcap(read(capture).packets, magic=NANO)[24:]


@needs_captures
@needs("gzip")
@needs("zstd")
@pytest.mark.parametrize("program", [["gzip", "-c"], ["zstd", "-c", "-q"], ["zstd", "-19", "--long=27", "-c", "-q"]])
@pytest.mark.parametrize("capture", captures()[:3], ids=lambda path: path.name)
def test_what_gzip_and_zstd_compress_has_the_same_packets(folder, program, capture):
    out = folder / "compressed"
    with out.open("wb") as opened:
        subprocess.run([*program, capture], stdout=opened, check=True)
    assert read(out) == read(capture)
