"""ERF files: as libtrace writes them, of every type that holds IPv4, cut off, damaged, and files that are none."""

import gzip
import shutil
import struct
import subprocess

import pytest

from ims.capture.open import open_source

from .writers import Packet, packets_of, pcap, read

SECOND = 10**9
BEGIN = 1_772_600_400 * SECOND
ETHERNET, PPP, ATM, CISCO, ERF, IPV4, IPV6 = 1, 50, 100, 104, 197, 228, 229
FRAME = bytes(12) + b"\x08\x00" + b"\x45" + bytes(45)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("erf") / "made"


def record(time, octets, kind=2, length=None, lost=0, extensions=0, total=None):
    """A record; `length` is the packet's on the wire, `total` what it claims of its own, if not the truth."""
    seconds, nanos = divmod(time, SECOND)
    before = {2: 2, 11: 2, 16: 2, 20: 2, 4: 4, 5: 4, 17: 4, 9: 8}.get(kind, 0)
    more = b"".join(bytes([3 | (0x80 if number + 1 < extensions else 0)]) + bytes(7) for number in range(extensions))
    body = more + bytes(before) + octets
    body += bytes(-len(body) % 8)
    head = struct.pack("<II", (nanos * 2**32 + SECOND // 2) // SECOND, seconds)
    head += struct.pack(">BBH", kind | (0x80 if extensions else 0), 4, 16 + len(body) if total is None else total)
    return head + struct.pack(">HH", lost, len(octets) if length is None else length) + body


def test_every_type_that_holds_packets(file):
    made, packets = b"", []
    links = {2: ETHERNET, 11: ETHERNET, 16: ETHERNET, 20: ETHERNET, 4: ATM, 9: ATM, 22: IPV4, 23: IPV6, 3: ERF, 24: ERF}
    links |= dict.fromkeys((1, 5, 10, 15, 17, 19), CISCO)
    for number, (kind, link) in enumerate(links.items()):
        time = BEGIN + number * 1_000_001
        made += record(time, FRAME, kind, len(FRAME) + number, extensions=number % 3)
        made += record(time, b"", 48) + record(0, b"metadata", 27) + record(time, bytes(8), 13)
        known = ERF if link == ERF else link
        packets.append(Packet(time, known, FRAME, len(FRAME) + number))
    made += record(BEGIN + SECOND, b"\xff\x03\0\x21E", 1)
    packets.append(Packet(BEGIN + SECOND, PPP, b"\xff\x03\0\x21E", 5))
    file.write_bytes(made)
    for chunk in (50, 1 << 16):
        found = packets_of(file, chunk)
        assert [packet._replace(octets=packet.octets[: len(FRAME)]) for packet in found] == packets


def test_what_the_card_lost_is_counted_where_the_field_says_so(file):
    """Of colored types it says the color."""
    each = [record(BEGIN, FRAME, kind, lost=lost) for kind, lost in ((2, 3), (1, 40), (11, 1000), (16, 999), (22, 500))]
    file.write_bytes(b"".join(each))
    assert read(file).frames_lost == 543


@pytest.mark.parametrize("plain", [True, False])
def test_libtrace_writes_what_is_read(tmp_path, plain):
    if shutil.which("traceconvert") is None:
        pytest.skip("libtrace-tools are not installed")
    packets = [Packet(BEGIN + number * 1_234_000, ETHERNET, FRAME, 60) for number in range(50)]
    (tmp_path / "a.pcap").write_bytes(pcap(packets, link=ETHERNET))
    command = ["traceconvert", "pcapfile:a.pcap", "erf:made"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)  # in gzip, asked or not
    if plain:
        octets = gzip.decompress((tmp_path / "made").read_bytes())
        (tmp_path / "made").unlink()
        (tmp_path / "made").write_bytes(octets)
    found = packets_of(tmp_path / "made")
    assert [packet.time // 1000 for packet in found] == [packet.time // 1000 for packet in packets]
    assert [packet.octets[:60] for packet in found] == [packet.octets for packet in packets]
    assert {packet.link for packet in found} == {ETHERNET}


def test_a_file_cut_off_gives_what_comes_before(file):
    whole = record(BEGIN, FRAME) * 5
    for cut in (1, 15, 16, 20, 79):
        file.write_bytes(whole + whole[:cut])
        packets, warnings, _ = read(file)
        assert len(packets) == 5
        assert warnings[0].startswith(f"cut off at byte {len(whole) + cut:,}, within a record that begins at byte ")


@pytest.mark.parametrize(
    "lie", [{"kind": 0}, {"kind": 99}, {"total": 15}, {"kind": 2, "total": 16}, {"extensions": 9, "total": 40}]
)
def test_a_record_that_lies_ends_the_file_in_one_line(file, lie):
    whole = record(BEGIN, FRAME) * 9
    file.write_bytes(whole + record(BEGIN, FRAME, **lie) + whole)
    packets, warnings, _ = read(file)
    assert len(packets) == 9
    assert len(warnings) == 1
    assert warnings[0].startswith(f"damaged at byte {len(whole):,}: a record of ")


@pytest.mark.parametrize(("name", "whole"), [("made.erf", 2), ("MADE.ERF.1", 3), ("made", 4), ("made", 7)])
@pytest.mark.parametrize("lie", [b"\xff" * 64, bytes(64), record(1 << 50, FRAME)])
def test_what_stands_before_early_damage_is_read(tmp_path, name, whole, lie):
    (tmp_path / name).write_bytes(record(BEGIN, FRAME) * whole + lie + record(BEGIN, FRAME) * 3)
    packets, warnings, _ = read(tmp_path / name)
    assert len(packets) >= whole
    assert {packet.time for packet in packets[:whole]} == {BEGIN}
    assert warnings or len(packets) == whole + 4  # a record of another age is one


def test_zeros_at_the_end_are_told(file):
    whole = record(BEGIN, FRAME) * 9
    file.write_bytes(whole + bytes(4096))
    assert read(file).warnings == [f"ends in 4,096 zeros, from byte {len(whole)} on; everything before them was read"]


def test_zeros_that_are_no_whole_record_are_damage(file):
    whole = record(BEGIN, FRAME) * 9
    file.write_bytes(whole + b"\x07" + bytes(15) + whole)
    packets, warnings, _ = read(file)
    assert len(packets) == 9
    assert [warning.partition(":")[0] for warning in warnings] == [f"damaged at byte {len(whole):,}"]


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: example.net\r\n\r\n" * 40,
        bytes(range(256)) * 8,
        bytes(4096),
        record(1 << 50, FRAME) * 9,
        record(BEGIN, FRAME) + record(BEGIN + 10**18, FRAME) * 9,
        record(BEGIN, FRAME, total=10) * 9,
    ],
    ids=range(6),
)
def test_what_is_no_erf_is_refused(file, octets):
    file.write_bytes(octets)
    with pytest.raises(ValueError, match="is no capture"):
        open_source(file)
