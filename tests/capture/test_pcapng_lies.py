"""pcapng blocks that lie, are too long, or too many: what came before them is read, and one line says what is wrong."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.capture.open import open_source

from . import writers as w
from .measured import measured
from .test_pcapng import ONE, PACKET_KINDS, both_orders
from .writers import ETHERNET, NO_LINK, Packet, packets_of, read


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("pcapng") / "made.pcapng"


@both_orders
@pytest.mark.parametrize("kind", [*PACKET_KINDS, w.NAMES, w.STATISTICS, w.INTERFACE, w.SECTION, 0xBAD])
def test_a_block_whose_two_lengths_differ_is_damage(file, kind, order):
    begin = w.section(order) + w.interface(order) + w.enhanced(0, 1000, b"12345", 9, order)
    body = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) if kind == w.SECTION else bytes(40)
    file.write_bytes(begin + w.block(kind, body, order, trailer=99) + w.enhanced(0, 1, b"never", order=order))
    packets, warnings, _ = read(file)
    assert packets == [ONE]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"damaged at byte {len(begin):,}: ")


@both_orders
@pytest.mark.parametrize("kind", [*PACKET_KINDS, w.NAMES, w.STATISTICS, w.INTERFACE, w.SECTION])
@pytest.mark.parametrize("total", [0, 4, 8, 11, 13, 12, 16, 2**32 - 1, 2**32 - 4, 2**31])
def test_a_block_length_that_lies_ends_the_file_in_one_line(file, kind, order, total):
    begin = w.section(order) + w.interface(order) + w.enhanced(0, 1000, b"12345", 9, order)
    body = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) if kind == w.SECTION else bytes(40)
    file.write_bytes(begin + w.block(kind, body, order, total=total) + bytes(3000))
    packets, warnings, _ = read(file, 256)
    assert packets == [ONE]
    assert len(warnings) == 1
    assert "byte" in warnings[0]
    assert "\n" not in warnings[0]


@both_orders
@given(captured=st.one_of(st.integers(9, 2**32 - 1), st.sampled_from([2**32 - 1, 2**31])))
def test_a_captured_length_beyond_its_block_is_damage(file, order, captured):
    begin = w.section(order) + w.interface(order) + w.enhanced(0, 1000, b"12345", 9, order)
    file.write_bytes(begin + w.enhanced(0, 1000, b"8 octets", 9, order, captured=captured))
    packets, warnings, _ = read(file)
    assert packets == [ONE]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"damaged at byte {len(begin):,}: ")


@both_orders
@given(
    code=st.sampled_from([w.IF_TSRESOL, w.IF_TSOFFSET, 2, 0, 0xFFFF]),
    length=st.integers(0, 0xFFFF),
    rest=st.binary(max_size=40),
)
def test_options_whose_lengths_lie_never_leave_their_block(file, order, code, length, rest):
    end = w.padded(struct.pack(order + "HH", code, length) + rest)
    blocks = w.interface(order, end=end) + w.block(w.STATISTICS, bytes(12) + end, order)
    blocks += w.enhanced(0, 1000, b"12345", 9, order, end=end)
    file.write_bytes(w.section(order, end=end) + blocks)
    (packet,) = packets_of(file)
    assert packet[1:] == ONE[1:]


def test_an_option_of_the_wrong_length_is_passed_over(file):
    end = w.options(w.option(w.IF_TSRESOL, b"\x09\x09"), w.option(w.IF_TSOFFSET, b"1234"))
    file.write_bytes(w.section() + w.interface(end=end) + w.enhanced(0, 1000, b"12345", 9))
    assert packets_of(file) == [ONE]


@both_orders
def test_a_long_block_is_passed_over_and_said(file, order):
    begin = w.section(order) + w.interface(order)
    long = w.block(w.NAMES, bytes(3 << 20), order)
    file.write_bytes(begin + long + w.enhanced(0, 1000, b"12345", 9, order))
    packets, warnings, _ = read(file, 4096)
    assert packets == [ONE]
    assert warnings == [f"a block of {len(long):,} bytes at byte {len(begin):,} was passed over"]


@both_orders
def test_the_interface_after_one_too_long_to_read_keeps_its_number(file, order):
    long = w.interface(order, ETHERNET, end=bytes(2 << 20))
    octets = w.section(order) + long + w.interface(order) + w.enhanced(1, 1000, b"12345", 9, order)
    file.write_bytes(octets)
    packets, warnings, _ = read(file)
    assert packets == [ONE]
    assert len(warnings) == 1


def test_a_quarter_of_a_million_interfaces_are_read_in_bounded_memory(file):
    last = w.enhanced((1 << 16) - 1, 1000, b"12345", 9) + w.enhanced(1 << 16, 1000, b"beyond")
    file.write_bytes(w.section() + w.interface() * 250_000 + last)
    told = measured(file)
    assert told["packets"] == 2
    assert told["warnings"] == [
        "more than 65,536 interfaces in a section; packets of the others are not decoded",
        "some packets name an interface that was not described; they are not decoded",
    ]
    assert told["grown"] < 32 << 20


def test_a_section_holds_65536_interfaces(file):
    last = w.enhanced((1 << 16) - 1, 1000, b"12345", 9) + w.enhanced(1 << 16, 1000, b"beyond")
    file.write_bytes(w.section() + w.interface() * (1 << 16) + last)
    assert read(file).packets == [ONE, Packet(0, NO_LINK, b"beyond", 6)]


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (w.section()[:27], "it ends within a section header"),
        (w.section(end=bytes(40))[:50], "it ends within a section header"),
        (w.section(version=(2, 0)), "its version is 2; expected 1"),
        (w.section(total=24), "a section header claims a length of 24"),
        (w.section(total=30), "a section header claims a length of 30"),
        (w.section(total=2**32 - 4), "a section header claims a length of 4,294,967,292"),
        (w.section()[:8] + bytes(30), "a section header has no byte-order magic"),
    ],
)
def test_a_file_whose_first_section_lies_is_refused_in_one_line(file, octets, problem):
    file.write_bytes(octets)
    with pytest.raises(ValueError, match=rf"^[^\n]+ is no pcapng file: {problem}$"):
        open_source(file)
