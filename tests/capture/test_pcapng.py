"""pcapng: sections of either byte order, interfaces with clocks of their own, every packet block; cut off anywhere."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.capture.pcapng_walk import LATEST_NS
from ims.text import quantity

from ..effort import every
from . import writers as w
from .test_pcap import assert_every_cut
from .writers import ETHERNET, NO_LINK, RAW, Packet, captures, is_pcapng, packets_of, read

both_orders = pytest.mark.parametrize("order", ["<", ">"])
RESOLUTIONS = st.integers(0, 255)
PACKET_KINDS = (w.OLD_PACKET, w.SIMPLE_PACKET, w.PACKET)
ONE = Packet(1_000_000, RAW, b"12345", 9)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("pcapng") / "made.pcapng"


UNKNOWN = "some packets name an interface that was not described; they are not decoded"


def time_of(units, resolution, offset):
    """Nanoseconds since the epoch, by the letter and in whole numbers; a number that is beyond what can be kept may be
    a negative one."""
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    last = LATEST_NS // 10**9
    seconds, rest = divmod(units, per_second)
    if -last <= seconds + offset < last:
        return (seconds + offset) * 10**9 + rest * 10**9 // per_second
    past, back = divmod(2**64 - units, per_second)
    if units >= 2**63 and -last < offset - past <= last:
        return (offset - past) * 10**9 - back * 10**9 // per_second
    return LATEST_NS if seconds + offset > 0 else -LATEST_NS


@st.composite
def files(draw):
    """The octets of a pcapng file, and the packets in it."""
    octets, packets = b"", []
    for _ in range(draw(st.integers(1, 3))):
        order = draw(st.sampled_from("<>"))
        octets += w.section(order, end=draw(st.sampled_from([b"", w.options(w.option(4, b"made", order))])))
        known = []
        for _ in range(draw(st.integers(0, 12))):
            which = draw(st.integers(0, len(known)))
            link, snapshot, resolution, offset = known[which] if which < len(known) else (NO_LINK, 0, 6, 0)
            payload, more = draw(st.binary(max_size=70)), draw(st.integers(0, 99))
            units = draw(st.integers(0, 2**64 - 1))
            when = time_of(units, resolution, offset) if which < len(known) else 0
            kind = draw(st.sampled_from(["interface", "interface", "packet", "old", "simple", "other", "statistics"]))
            if kind == "interface":
                link, snapshot, resolution = draw(st.tuples(st.integers(0, 999), st.integers(0, 80), RESOLUTIONS))
                offset = draw(st.integers(-(2**40), 2**40))
                known.append((link, snapshot, resolution, offset))
                octets += w.interface(order, link, snapshot, w.clock(resolution, offset, order))
            elif kind == "packet":
                end = draw(st.sampled_from([b"", w.options(w.option(1, b"comment", order))]))
                octets += w.enhanced(which, units, payload, len(payload) + more, order, end)
                packets.append(Packet(when, link, payload, len(payload) + more))
            elif kind == "old":
                octets += w.old_packet(which, units, payload, len(payload) + more, order)
                packets.append(Packet(when, link, payload, len(payload) + more))
            elif kind == "simple" and known:
                link, snapshot = known[0][:2]
                payload = payload[: snapshot or None]
                length = len(payload) + (more if len(payload) == snapshot else 0)
                octets += w.simple(payload, length, order)
                packets.append(Packet(0, link, payload, length))
            elif kind == "other":
                octets += w.block(draw(st.sampled_from([w.NAMES, 10, 0xBAD, 0x8000_0001])), payload, order)
            elif kind == "statistics":
                octets += w.statistics(which, 0, order)
    return octets, packets


@given(made=files(), chunk=st.integers(1, 300))
def test_what_is_written_is_read_whatever_the_chunks(file, made, chunk):
    octets, packets = made
    file.write_bytes(octets)
    for size in (chunk, 1 << 16):
        found, warnings, _ = read(file, size)
        assert found == packets
        unknown = any(packet.link == NO_LINK for packet in packets)
        untimely = sum(abs(packet.time) == LATEST_NS for packet in packets)
        assert [warning for warning in warnings if "before 1677" not in warning] == [UNKNOWN] * unknown
        said = quantity(untimely, "packet has a time", "packets have times")
        assert any(warning.startswith(said) for warning in warnings) == (untimely > 0)


@both_orders
def test_a_section_forgets_the_interfaces_of_the_one_before(file, order):
    begin = w.section(order) + w.interface(order) + w.enhanced(0, 1000, b"12345", 9, order)
    file.write_bytes(begin + w.section(order) + w.enhanced(0, 1000, b"lost", order=order))
    packets, warnings, _ = read(file)
    assert packets == [ONE, Packet(0, NO_LINK, b"lost", 4)]
    assert warnings == [UNKNOWN]


@both_orders
def test_a_simple_packet_is_cut_at_the_interfaces_snapshot_length(file, order):
    begin = w.section(order) + w.interface(order, ETHERNET, 10)
    file.write_bytes(begin + w.simple(b"0123456789", 60, order) + w.simple(b"abc", order=order))
    assert packets_of(file) == [Packet(0, ETHERNET, b"0123456789", 60), Packet(0, ETHERNET, b"abc", 3)]


@both_orders
def test_what_the_capturing_program_dropped_is_counted_once(file, order):
    begin = w.section(order) + w.interface(order) * 2
    counts = w.statistics(0, 7, order) + w.statistics(0, 12, order) + w.statistics(1, 30, order)
    unknown = w.statistics(2, 1000, order)
    file.write_bytes((begin + counts + unknown) * 2)
    assert read(file).frames_lost == 84


@both_orders
def test_what_the_system_dropped_counts_and_the_last_statistics_do(file, order):
    def both(interface, system):
        each = [
            w.option(5, struct.pack(order + "Q", interface), order),
            w.option(7, struct.pack(order + "Q", system), order),
        ]
        return w.block(w.STATISTICS, struct.pack(order + "III", 0, 0, 0) + w.options(*each), order)

    file.write_bytes(w.section(order) + w.interface(order) + both(5, 6) + both(10, 20))
    assert read(file).frames_lost == 30


@both_orders
def test_what_packets_say_of_those_lost_before_them_is_added_up(file, order):
    """And isn't counted twice where statistics say it too."""
    lost = w.options(w.option(1, b"comment", order), w.option(4, struct.pack(order + "Q", 40), order))
    begin = w.section(order) + w.interface(order) * 3
    packets = w.enhanced(0, 1, b"12345", order=order, end=lost) * 3 + w.enhanced(1, 1, b"1234", order=order, end=lost)
    for drops in (7, 0xFFFF):  # the latter means that it isn't known
        body = struct.pack(order + "HHIIII", 2, drops, 0, 1, 4, 4) + b"1234"
        packets += w.block(w.OLD_PACKET, body, order)
    file.write_bytes(begin + packets)
    assert read(file).frames_lost == 167
    file.write_bytes(begin + packets + w.statistics(0, 100, order) + w.statistics(1, 100, order))
    assert read(file).frames_lost == 120 + 100 + 7


def test_times_before_1970_are_kept_and_those_beyond_2262_are_told(file):
    early = w.clock(None, -1000)
    octets = w.section() + w.interface(end=early) + b"".join(w.enhanced(0, second * 10**6, b"x") for second in range(3))
    octets += w.interface() + w.enhanced(1, 2**64 - 505_425_287, b"x")
    file.write_bytes(octets)
    assert [packet.time for packet in packets_of(file)] == [-1000 * 10**9, -999 * 10**9, -998 * 10**9, -505_425_287_000]
    file.write_bytes(octets + w.enhanced(1, 10_413_792_000 * 10**6, b"2300"))
    assert read(file).warnings == [
        "1 packet has a time that can't be kept, before 1677 or after 2262; "
        "it is stored as of the first or last moment of these"
    ]


def test_a_count_of_drops_that_lies_stays_a_number_that_can_be_stored(file):
    file.write_bytes(w.section() + w.interface() * 9 + b"".join(w.statistics(which, 2**64 - 1) for which in range(9)))
    assert 0 <= read(file).frames_lost < 2**63


def block_ends(octets):
    """Where blocks and where whole packet blocks end."""
    at, ends, packets, order = 0, [], [], "<"
    while at + 12 <= len(octets):
        kind = struct.unpack("<I", octets[at : at + 4])[0]
        if kind == w.SECTION:
            order = "<" if octets[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
        kind, total = struct.unpack(order + "II", octets[at : at + 8])
        at += total
        if at > len(octets):
            break
        ends.append(at)
        if kind in PACKET_KINDS:
            packets.append(at)
    return ends, packets


def made_of_everything():
    """Two sections with each kind of block."""
    octets = b""
    for order in "<>":
        octets += w.section(order, end=w.options(w.option(2, b"made", order)))
        octets += w.interface(order, end=w.clock(0x8A, 3, order)) + w.interface(order, ETHERNET, 64)
        for number in range(4):
            octets += w.enhanced(number % 2, number << 20, bytes(number * 9), 99, order)
            octets += w.old_packet(number % 2, number, bytes(number), order=order) + w.simple(bytes(9), order=order)
            octets += w.block(0xBAD, bytes(number * 4), order) + w.statistics(0, number, order)
    return octets


@pytest.mark.parametrize(
    "capture", every(4, [None, *filter(is_pcapng, captures())]), ids=lambda path: path and path.name
)
def test_a_file_cut_off_anywhere_gives_its_whole_packets_and_says_where_it_ends(file, capture):
    octets = capture.read_bytes()[:2048] if capture else made_of_everything()
    ends, packets = block_ends(octets)
    assert_every_cut(file, octets, packets, 2048, ends[0], chunk=64, boundaries=ends)


@both_orders
@pytest.mark.parametrize("zeros", [12, 400, 70_000])
def test_zeros_within_a_file_are_passed_over_and_told_as_in_pcap(file, order, zeros):
    before = w.section(order) + w.interface(order) + w.enhanced(0, 1000, ONE.octets, ONE.length, order)
    after = w.enhanced(0, 1000, ONE.octets, ONE.length, order)
    file.write_bytes(before + bytes(zeros) + after)
    packets, warnings, _ = read(file, 100)
    assert packets == [ONE, ONE]
    assert warnings == [f"{zeros:,} zeros at byte {len(before):,}, where a packet should begin, were passed over"]


def test_zeros_at_the_end_are_told(file):
    before = w.section() + w.interface() + w.enhanced(0, 1000, ONE.octets, ONE.length)
    file.write_bytes(before + bytes(4096))
    packets, warnings, _ = read(file)
    assert packets == [ONE]
    assert warnings == [f"ends in 4,096 zeros, from byte {len(before):,} on; everything before them was read"]
