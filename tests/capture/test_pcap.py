"""pcap files of every magic and byte order, whole, cut off anywhere, and with records that lie."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..effort import every
from ..stores import needs_captures
from .writers import (
    MICRO,
    MODIFIED,
    NANO,
    RAW,
    Packet,
    captures,
    is_pcapng,
    packet_lists,
    packets_of,
    pcap,
    pcap_header,
    pcap_record,
    read,
)

LARGEST = 262_144
"""libpcap's MAXIMUM_SNAPLEN"""
FORMS = [(order, magic) for order in "<>" for magic in (MICRO, NANO, MODIFIED)]
every_form = pytest.mark.parametrize(("order", "magic"), FORMS, ids=[f"{order}{magic:x}" for order, magic in FORMS])
FEW = [Packet(1_000 * number, RAW, bytes([number]) * number, 3 * number) for number in range(1, 40)]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("pcap") / "made.pcap"


def record_ends(octets):
    """Where the whole records of a pcap file end, each."""
    order = "<" if octets[:4] in (struct.pack("<I", magic) for magic in (MICRO, NANO, MODIFIED)) else ">"
    header = 24 if struct.unpack(order + "I", octets[:4])[0] == MODIFIED else 16
    at, ends = 24, []
    while at + header <= len(octets):
        at += header + struct.unpack(order + "I", octets[at + 8 : at + 12])[0]
        if at > len(octets):
            break
        ends.append(at)
    return ends


def assert_every_cut(file, octets, ends, most, least_header, chunk=4096, boundaries=None):
    """Cut a file off at each of its first `most` octets, from the last to the first: exactly the packets that are
    whole, which end at `ends`. A cut is noticed unless it lies between blocks, at one of `boundaries`."""
    boundaries = ends if boundaries is None else boundaries
    file.write_bytes(octets[:most])
    whole = read(file, chunk).packets
    ends = [end for end in ends if end <= most]
    assert len(whole) == len(ends)
    with file.open("r+b") as opened:
        for cut in range(min(most, len(octets)), -1, -1):
            opened.truncate(cut)
            if cut < least_header:
                with pytest.raises(ValueError, match=r"^[^\n]+(is empty|is no capture|header)[^\n]*$"):
                    read(file, chunk)
                continue
            count = sum(end <= cut for end in ends)
            packets, warnings, _ = read(file, chunk)
            assert packets == whole[:count]
            begin = max([least_header, *(end for end in boundaries if end <= cut)])
            if cut == begin:
                assert warnings == []
            else:
                assert len(warnings) == 1
                assert warnings[0].startswith(f"cut off at byte {cut:,}, within a ")
                assert f"begins at byte {begin:,};" in warnings[0]


@every_form
@given(data=st.data(), link=st.integers(0, 0xFFFE), chunk=st.integers(1, 400))
def test_what_is_written_is_read_whatever_the_chunks(file, order, magic, data, link, chunk):
    packets = data.draw(packet_lists(link=link, unit=1 if magic == NANO else 1000))
    file.write_bytes(pcap(packets, order, magic, link))
    assert packets_of(file, chunk) == packets
    assert packets_of(file) == packets


def test_more_packets_than_fit_into_one_batch_all_come(file):
    packets = [Packet(number * 1000, RAW, number.to_bytes(4, "big"), 4) for number in range(70_000)]
    file.write_bytes(pcap(packets))
    assert packets_of(file, 4 << 20) == packets


@every_form
def test_the_largest_record_comes_and_a_larger_one_is_damage(file, order, magic):
    largest = Packet(0, RAW, b"x" * LARGEST, LARGEST)
    file.write_bytes(pcap([*FEW, largest, *FEW], order, magic))
    assert packets_of(file, 100) == [*FEW, largest, *FEW]
    before = len(pcap([*FEW], order, magic))
    file.write_bytes(pcap([*FEW, largest._replace(octets=b"x" * (LARGEST + 1)), *FEW], order, magic))
    packets, warnings, _ = read(file, 100)
    assert packets == FEW
    assert warnings == [
        f"damaged at byte {before:,}: a record claims 262,145 captured bytes, more than 262,144; "
        f"everything before it was read, the last {file.stat().st_size - before:,} were not"
    ]


@every_form
@given(captured=st.one_of(st.integers(LARGEST + 1, 2**32 - 1), st.sampled_from([2**31 - 1, 2**31, 2**32 - 1])))
def test_a_record_that_claims_more_than_any_program_captures_is_damage(file, order, magic, captured):
    lie = pcap_record(FEW[0], order, magic, captured=captured)
    file.write_bytes(pcap(FEW, order, magic) + lie + bytes(3000))
    packets, warnings, _ = read(file)
    assert packets == FEW
    assert len(warnings) == 1
    assert f"claims {captured:,} captured bytes" in warnings[0]


@every_form
@given(captured=st.integers(100, LARGEST))
def test_a_record_that_claims_more_than_the_file_holds_is_cut_off(file, order, magic, captured):
    whole = pcap(FEW, order, magic)
    octets = whole + pcap_record(Packet(0, RAW, b"y" * 99, 99), order, magic, captured=captured)
    file.write_bytes(octets)
    packets, warnings, _ = read(file, 256)
    assert packets == FEW
    assert warnings == [
        f"cut off at byte {len(octets):,}, within a record that begins at byte {len(whole):,}; "
        "everything before it was read"
    ]


@every_form
@pytest.mark.parametrize("length", [0, 3, 2**32 - 1])
def test_a_packet_is_never_shorter_on_the_wire_than_captured(file, order, magic, length):
    packet = Packet(0, RAW, b"four", 4)
    file.write_bytes(pcap_header(order, magic) + pcap_record(packet, order, magic, length=length))
    assert packets_of(file) == [packet._replace(length=max(4, length))]


def test_a_fraction_of_more_than_a_second_carries_over(file):
    header = pcap_header(">", NANO)
    file.write_bytes(header + struct.pack(">IIII", 1, 0xFFFF_FFFF, 0, 0))
    assert packets_of(file) == [Packet(1_000_000_000 + 0xFFFF_FFFF, RAW, b"", 0)]


def test_the_link_type_is_told_apart_from_what_says_how_long_the_fcs_is(file):
    file.write_bytes(pcap_header(link=0xF400_0001) + pcap_record(FEW[0]))
    assert packets_of(file) == [FEW[0]._replace(link=1)]


@pytest.mark.parametrize("version", [(0, 0), (1, 0), (3, 4), (512, 1024), (2, 5)])
def test_another_version_is_refused_in_one_line(file, version):
    file.write_bytes(pcap_header(version=version) + pcap_record(FEW[0]))
    with pytest.raises(
        ValueError, match=rf"^[^\n]+ is pcap version {version[0]}\.{version[1]}; expected 2\.0 to 2\.4, or 543"
    ):
        read(file)


@every_form
def test_a_file_cut_off_anywhere_gives_its_whole_records_and_says_where_it_ends(file, order, magic):
    octets = pcap(FEW, order, magic)
    assert_every_cut(file, octets, record_ends(octets), 2048, 24, chunk=64)


@needs_captures
@pytest.mark.parametrize(
    "capture", every(4, (path for path in captures() if not is_pcapng(path))), ids=lambda path: path.name
)
def test_a_real_capture_cut_off_anywhere_gives_its_whole_records(file, capture):
    octets = capture.read_bytes()[:2048]
    assert_every_cut(file, octets, record_ends(octets), 2048, 24)


@every_form
def test_zeros_at_the_end_are_told_as_what_is_cut_off_is(file, order, magic):
    whole = pcap(FEW, order, magic)
    for zeros in (16, 24, 4096, 4099):
        file.write_bytes(whole + bytes(zeros))
        packets, warnings, _ = read(file, 100)
        assert packets == FEW
        if magic != MODIFIED or zeros >= 24:
            assert warnings == [
                f"ends in {zeros:,} zeros, from byte {len(whole):,} on; everything before them was read"
            ]


def test_zeros_that_are_no_whole_record_are_damage(file):
    whole = pcap(FEW, magic=MODIFIED)
    file.write_bytes(whole + bytes(16) + b"\1\2\3\4\5\6\7\7" + whole[24:])
    packets, warnings, _ = read(file, 100)
    assert packets == FEW
    assert [warning.partition(";")[0] for warning in warnings] == [
        f"damaged at byte {len(whole):,}: 16 zeros are no record"
    ]


def test_zeros_within_a_file_are_passed_over_and_told(file):
    before, after = pcap(FEW), b"".join(pcap_record(packet) for packet in FEW[1:])
    file.write_bytes(before + bytes(4096) + after)
    packets, warnings, _ = read(file, 100)
    assert packets == [*FEW, *FEW[1:]]
    assert warnings == [f"4,096 zeros at byte {len(before):,}, where a packet should begin, were passed over"]


CUT = [
    Packet(930_000_000 * 10**9 + 1_000_000 * number, RAW, bytes([number]) * number, 3 * number)
    for number in range(1, 40)
]


def dialect(path, magic=MICRO, version=(2, 4), link=RAW, order="<", after=b"", extra=b"", turned=False, fraction=1000):
    """A file of CUT: `extra` after each record's header, its lengths `turned`."""
    octets = pcap_header(order, magic, link, version) + after
    for packet in CUT:
        lengths = (packet.length, len(packet.octets)) if turned else (len(packet.octets), packet.length)
        seconds, rest = divmod(packet.time, 10**9)
        octets += struct.pack(order + "IIII", seconds, rest // fraction, *lengths) + extra + packet.octets
    path.write_bytes(octets)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "written",
    [
        {"version": (2, 0), "turned": True},
        {"version": (2, 1), "turned": True},
        {"version": (2, 2), "turned": True},
        {"version": (2, 3), "turned": True},
        {"version": (2, 3)},
        {"version": (543, 0), "turned": True},
        {"magic": 0x1C0001AC, "after": b"size", "fraction": 1},
        {"magic": 0x1C0001AB, "after": b"size"},
        {"extra": bytes(4) + b"\x08\x00" + bytes(2)},
        {"extra": b"junk"},
        {"magic": MODIFIED, "extra": bytes(8)},
        {"magic": MODIFIED, "extra": bytes(12)},
    ],
    ids=str,
)
def test_dialects_are_read_as_their_writers_meant_them(file, written, order):
    dialect(file, order=order, **written)
    for chunk in (100, 1 << 16):
        assert packets_of(file, chunk) == CUT


def test_aix_counts_nanoseconds_and_numbers_its_links_by_itself(file):
    for number, link in ((6, 1), (9, 6), (15, 10), (24, 0)):
        dialect(file, version=(2, 2), link=number, turned=True, fraction=1)
        assert packets_of(file) == [packet._replace(link=link) for packet in CUT]


def test_a_link_type_of_no_known_class_is_refused_and_an_fcs_is_none(file):
    file.write_bytes(pcap_header(link=0x0224_0001))
    with pytest.raises(ValueError, match=r"has a link type of 0x2240001"):
        read(file)
    file.write_bytes(pcap_header(link=0x4400_0065) + pcap_record(FEW[0]))
    assert packets_of(file) == FEW[:1]
