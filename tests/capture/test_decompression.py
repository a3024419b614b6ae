"""Compressed captures give what they give plain: in parts, cut off, damaged, or blown up to exhaust memory."""

import bz2
import contextlib
import gzip
import itertools
import lzma
import random
import re
import struct
import zlib

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.capture.open import open_source
from ims.capture.stream import READ, OctetStream, stream_digest

from ..effort import crossed, examples, pick
from .measured import measured
from .writers import RAW, Packet, packet_lists, packets_of, pcap, pcap_header, read

KINDS = ["gzip", "zstd", "xz", "lz4", "bzip2"]
every_kind = pytest.mark.parametrize("kind", KINDS)
both_kinds = pytest.mark.parametrize("kind", ["gzip", "zstd"])
EVEN = [Packet(number * 1000, RAW, bytes(400), 400) for number in range(100)]
UNEVEN = [Packet(number * 1000, RAW, random.Random(number).randbytes(60), 60) for number in range(16)]
MIB = 1 << 20
EMPTY_PACKET = bytes(15) + b"\1"  # a record of no octets captured; all zeros would be none


def pressed(kind, octets):
    if kind == "gzip":
        return gzip.compress(octets, mtime=0)
    if kind == "xz":
        return lzma.compress(octets)
    if kind == "lz4":
        return bytes(lz4.frame.compress(octets, content_checksum=True))
    if kind == "bzip2":
        return bz2.compress(octets)
    return zstandard.ZstdCompressor(write_checksum=True).compress(octets)


def filler(kind):
    """What may stand between and after the parts: a part of nothing, and what both formats pass over."""
    skipped = {"gzip": bytes(7), "xz": bytes(8), "zstd": struct.pack("<II", 0x184D2A53, 5) + b"hello"}
    return [b"", pressed(kind, b""), skipped.get(kind, b"")]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("streams") / "made"


@every_kind
@settings(max_examples=examples(50, 10))
@given(data=st.data(), packets=packet_lists(unit=1000), chunk=st.integers(1, 300))
def test_parts_one_after_another_give_what_the_plain_file_gives(file, kind, data, packets, chunk):
    plain = pcap(packets)
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(plain)), max_size=4))), len(plain)]
    parts = [pressed(kind, plain[begin:end]) for begin, end in itertools.pairwise(cuts)]
    between = st.sampled_from(filler(kind))
    file.write_bytes(b"".join(part + data.draw(between) for part in parts))
    assert packets_of(file, chunk) == packets
    assert packets_of(file) == packets


def test_a_zstd_file_may_begin_with_what_is_to_be_skipped(file):
    file.write_bytes(filler("zstd")[2] * 2 + pressed("zstd", pcap(UNEVEN)))
    assert packets_of(file) == UNEVEN


@every_kind
def test_position_and_digest_are_those_of_the_plain_file(file, kind):
    plain = pcap(UNEVEN)
    found = []
    for octets in (plain, pressed(kind, plain)):
        file.write_bytes(octets)
        with contextlib.closing(open_source(file, 100)) as source:
            source.mark(333)
            assert sum(frames.count for frames in source) == len(UNEVEN)
            assert source.octets_read == source.file_octets == len(octets)
            found.append((source.position, source.digest(), source.mark_digest, source.first_digest))
            assert stream_digest(file, [333, len(plain), len(plain) + 1]) == [found[0][2], found[0][1], None]
    assert found[0] == found[1]


def given_before(kind, octets):
    """What can be decompressed of data that is cut off."""
    if kind == "gzip":
        return zlib.decompressobj(wbits=31).decompress(octets)
    if kind == "xz":
        return lzma.LZMADecompressor().decompress(octets)
    if kind == "lz4":
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(octets, 4 * MIB))
    if kind == "bzip2":  # to its command (bzcat) a block is there at once; this coder gives it in parts
        coder = bz2.BZ2Decompressor()
        return coder.decompress(octets) + b"".join(iter(lambda: b"" if coder.eof else coder.decompress(b""), b""))
    return zstandard.ZstdDecompressor().decompressobj().decompress(octets)


@every_kind
@pytest.mark.parametrize("packets", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("chunk", [100, 1 << 16])
def test_data_cut_off_anywhere_gives_all_packets_before_and_says_so(file, kind, packets, chunk):
    octets = pressed(kind, pcap(packets))
    record = 16 + len(packets[0].octets)
    for cut in range(1, len(octets), pick(1, 7)):
        file.write_bytes(octets[:cut])
        plain = given_before(kind, octets[:cut])
        if len(plain) < 24:
            with pytest.raises(ValueError, match=r"^[^\n]+$"):
                read(file, chunk)
            continue
        found, warnings, _ = read(file, chunk)
        assert found == packets[: (len(plain) - 24) // record]
        assert warnings[0] == f"{kind} data is cut off at its byte {cut:,}"


@every_kind
@given(bit=st.integers(0, 10_000), chunk=st.sampled_from([100, 1 << 16]))
def test_damaged_data_is_never_taken_for_whole(file, kind, bit, chunk):
    octets = bytearray(pressed(kind, pcap(UNEVEN)))
    first = 10 if kind == "gzip" else 6  # what comes before can't be told from another file
    at = first + bit // 8 % (len(octets) - first)
    octets[at] ^= 1 << bit % 8
    file.write_bytes(octets)
    try:
        found, warnings, _ = read(file, chunk)
    except ValueError as error:
        assert re.fullmatch(r"[^\n]+", str(error))
    else:
        assert warnings or found == UNEVEN
        assert "\n" not in "".join(warnings)


@every_kind
def test_packets_long_before_the_damage_come(file, kind):
    packets = [Packet(number * 1000, RAW, random.Random(number).randbytes(1000), 1000) for number in range(3000)]
    octets = bytearray(pressed(kind, pcap(packets)))
    at = len(octets) * 3 // 4
    octets[at : at + 40] = bytes(40)
    file.write_bytes(octets)
    found, warnings, _ = read(file)
    assert len(found) >= 1500
    assert found[:1500] == packets[:1500]
    assert warnings


@every_kind
@pytest.mark.parametrize("packets", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("chunk", [100, 1 << 16])
def test_with_a_wrong_checksum_every_packet_comes_and_it_says_so(file, kind, packets, chunk):
    octets = bytearray(pressed(kind, pcap(packets)))
    if kind == "xz":
        octets = bytearray(lzma.compress(pcap(packets), check=lzma.CHECK_CRC32))
        octets[-12 - 16 - 1] ^= 1  # before the footer (12 octets) and an index of one block
    else:
        octets[-5 if kind == "gzip" else -1] ^= 0xFF if kind != "bzip2" else 0
    if kind == "bzip2":
        octets[-3] ^= 0xFF  # the last octet is padded with bits of nothing
    file.write_bytes(octets)
    found, warnings, _ = read(file, chunk)
    assert found == packets
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{kind} data is damaged near its byte ")


@every_kind
def test_what_follows_a_whole_file_and_is_garbage_takes_nothing_away(file, kind):
    file.write_bytes(pressed(kind, pcap(UNEVEN)) + b"not compressed at all")
    found, warnings, _ = read(file)
    assert found == UNEVEN
    assert len(warnings) == 1
    assert "damaged near its byte" in warnings[0]


def by_single_octets(kind, octets):
    """How much comes before the damage, of a coder that is given single octets."""
    coders = {
        "gzip": lambda: zlib.decompressobj(wbits=31),
        "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
        "xz": lzma.LZMADecompressor,
        "bzip2": bz2.BZ2Decompressor,
        "lz4": lz4.frame.LZ4FrameDecompressor,
    }
    coder, plain = coders[kind](), 0
    with contextlib.suppress(Exception):
        for octet in octets:
            plain += len(coder.decompress(bytes([octet]), *([4 * MIB] if kind == "lz4" else [])))
            while kind == "bzip2" and not coder.eof and (more := coder.decompress(b"")):
                plain += len(more)
    return plain


@pytest.mark.parametrize(("kind", "where"), crossed(KINDS, [0.5, 0.8]))
def test_every_octet_before_the_damage_is_given(file, kind, where):
    packets = [Packet(number * 1000, RAW, random.Random(number).randbytes(100), 100) for number in range(8000)]
    octets = bytearray(pressed(kind, pcap(packets)))
    begin = int(len(octets) * where)
    octets[begin : begin + 40] = bytes(40)
    expected = by_single_octets(kind, octets)
    file.write_bytes(octets)
    with contextlib.closing(OctetStream(file)) as stream:
        while not stream.at_end:
            stream.fill(1 << 20)
        assert stream.end == expected
        assert "damaged" in stream.warning


def test_an_xz_file_that_wants_too_much_memory_is_refused_in_one_line(file):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 29}]
    file.write_bytes(lzma.compress(pcap(UNEVEN), filters=filters))
    with pytest.raises(ValueError, match=r"^[^\n]+: xz data is damaged near its byte [^\n]+Memory usage limit[^\n]+$"):
        read(file)


@both_kinds
@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda kind: pressed(kind, b""), f"is empty once it is unpacked; expected {re.escape(READ)}"),
        (lambda kind: pressed(kind, b"ab"), "is no capture: it begins with 61 62;"),
        (lambda kind: pressed(kind, pressed(kind, pcap(EVEN))), "is no capture: it begins with"),
        (lambda kind: pressed(kind, pcap_header()[:20]), "is cut off within its 24-byte pcap header, at byte 20"),
        (lambda kind: pressed(kind, b"")[:4], "data is cut off at its byte 4"),
        (lambda kind: pressed(kind, b"")[:4] + b"\xff" * 40, "data is damaged near its byte"),
    ],
)
def test_what_holds_no_capture_is_refused_in_one_line(file, kind, make, problem):
    file.write_bytes(make(kind))
    with pytest.raises(ValueError, match=rf"^[^\n]+{problem}[^\n]*$"):
        read(file)


@both_kinds
def test_half_a_gibibyte_of_empty_packets_are_read_in_bounded_memory(file, kind):
    file.write_bytes(pressed(kind, pcap_header()) + pressed(kind, EMPTY_PACKET * (4 * MIB)) * 8)
    assert file.stat().st_size < 4 * MIB
    told = measured(file)
    assert told["packets"] == 512 * MIB // 16
    assert told["warnings"] == []
    assert told["grown"] < 96 * MIB


def zstd_frame(descriptor, *blocks):
    """A frame by hand (RFC 8878, section 3.1.1): `descriptor` with the window, then (kind, size, octets) of blocks."""
    octets = b"\x28\xb5\x2f\xfd" + descriptor
    for number, (kind, size, content) in enumerate(blocks):
        last = number == len(blocks) - 1
        octets += (last | kind << 1 | size << 3).to_bytes(3, "little") + content
    return octets


@pytest.mark.parametrize(
    "descriptor",
    [b"\x00" + bytes([21 << 3]), b"\xe0" + (1 << 40).to_bytes(8, "little")],
    ids=["window of 2 GiB", "one segment of 1 TiB"],
)
def test_a_huge_zstd_window_is_refused_in_one_line(file, descriptor):
    header = pcap_header()
    file.write_bytes(zstd_frame(descriptor, (0, len(header), header)))
    told = measured(file)
    assert told["packets"] == 0
    assert re.fullmatch(r"[^\n]+: zstd data is damaged near its byte [^\n]+ memory [^\n]+", told["error"])
    assert told["grown"] < 32 * MIB


def test_the_largest_zstd_window_that_is_read_takes_no_more_than_it_says(file):
    header = pcap_header()
    zeros = [(1, 1 << 17, b"\0")] * 2048
    file.write_bytes(zstd_frame(b"\x00" + bytes([17 << 3]), (0, len(header), header), *zeros))
    told = measured(file)
    assert told["packets"] == 0
    assert told["warnings"] == [f"ends in {256 * MIB:,} zeros, from byte 24 on; everything before them was read"]
    assert told["grown"] < (128 + 64 + 16) * MIB


@pytest.mark.parametrize("damage", ["cut", "checksum"])
def test_a_block_of_bzip2_is_given_whole(file, damage):
    """Its coder gives some of a block when the last octet of it has come, and the rest when it is asked again."""
    packets = [Packet(number * 1000, RAW, random.Random(number).randbytes(100), 100) for number in range(6000)]
    octets = bytearray(bz2.compress(pcap(packets)))
    if damage == "cut":
        del octets[-10:]  # of the ten or eleven that follow the block
    else:
        octets[-3] ^= 0xFF
    file.write_bytes(octets)
    found, warnings, _ = read(file)
    assert len(found) >= 5990 if damage == "cut" else found == packets
    assert found == packets[: len(found)]
    assert warnings
