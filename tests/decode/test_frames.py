"""Whatever frames come, each is in exactly one counter, and rows point inside their frames."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.capture.open import open_source
from ims.capture.source import Frames
from ims.darknet import Block, Darknet
from ims.decode.frames import decode_frames
from ims.decode.options import collect_options, options_table
from ims.decode.verdict import COUNTERS, EXCLUSIVE
from ims.records import PAYLOAD, RESPONDER, TCP_OPTIONS, packet_batch
from ims.unwrap import parse_unwrap

from ..effort import examples
from ..stores import CAPTURES, needs_captures
from .makers import ethernet, icmp, ip, tcp, udp

EVERY = parse_unwrap("gre,ipip,vxlan,vxlan:8472,geneve")
PURE = bool(numba.config.DISABLE_JIT)
EXAMPLES = 60 if PURE else examples(600, 120)
LINKS = [0, 1, 6, 7, 8, 9, 10, 12, 14, 50, 51, 99, 100, 101, 104, 105, 106, 107, 108, 109, 113, 117, 119, 122, 123, 127,
         129, 135, 137, 138, 163, 166, 167, 178, 179, 180, 181, 182, 192, 197, 204, 205, 206, 219, 226, 228, 229, 239,
         240, 241, 258, 276, 281, 282, 284, 285, 283, 65_535]  # fmt: skip
RANGES = Darknet([Block.parse("low=0.0.0.0/1"), Block.parse("C=198.51.100.0/24")]).ranges()
SEEDS = [
    ethernet(tcp(b"GET / HTTP/1.0\r\n\r\n", options=b"\2\4\5\xb4")),
    ethernet(udp(b"x" * 30)),
    ethernet(icmp(3, 1, 0, tcp(b""))),
    ethernet(b"\0\7\x08\0" + udp(), 0x8100),
    ethernet(b"\0\1\x01\x40" + tcp(), 0x8847),
    ethernet(ip(47, b"\x20\0\x08\0\0\0\0\1" + tcp(b"in gre"))),
    ethernet(ip(4, ip(4, udp(b"twice")))),
    ethernet(udp(b"\x08\0\0\0\0\0\1\0" + ethernet(tcp(b"in vxlan")), port=4789)),
    ethernet(ip(17, bytes(24), fragment=0x2000)),
    ethernet(ip(6, bytes(24), fragment=0x0005)),
    ethernet(ip(17, bytes(24), options=40)[:30]),
    ethernet(b"\0\x7f\0\1\0\2" + bytes(4) + ethernet(udp()), 0x22F3),
    ethernet(b"\0\x30\0\1\x08\0" + udp(), 0x892F),
    ethernet(b"\0\x3d\xc0\0\0\1\0\x31\0\1" + ethernet(udp()), 0x880B),
    b"\x01\0\x0c\0\0" + bytes(7) + b"\0\x40\xaa\xaa\x03" + bytes(9) + ethernet(udp()),
    ethernet(ip(47, b"\0\0\x65\x59\x18\x41\3\xcf\0\x21" + udp())),
    bytes(8) + b"\x82\4" + bytes(6) + b"\3" + bytes(9) + ethernet(udp()),
    b"MGC\x81\0\6" + bytes(6) + b"\x18\x41\3\0\x80\0\x80\xc2\0\7" + ethernet(udp()),
]


@st.composite
def frame(draw: st.DrawFn) -> bytes:
    """Any octets, or a real frame with some changed, cut or repeated."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=120))
    octets = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(octets) - 1))
        octets[at] = draw(st.sampled_from([0, 1, 4, 8, 0x45, 0x4F, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
    return bytes(octets[: draw(st.integers(0, len(octets)))] if draw(st.booleans()) else octets)


@st.composite
def hostile(draw: st.DrawFn) -> Frames:
    """Frames that lie in one buffer, and sometimes beyond it: no source would give those."""
    some = draw(st.lists(st.tuples(frame(), st.sampled_from(LINKS) | st.just(1)), max_size=12))
    octets = np.frombuffer(b"".join(octets for octets, _ in some) or b"\0", np.uint8).copy()
    captured = np.array([len(octets) for octets, _ in some], np.int64)
    offset = np.cumsum(captured) - captured if len(some) else captured
    length = captured + np.array([draw(st.sampled_from([0, 0, 1, 1500, 2**40, -5])) for _ in some], np.int64)
    for row in range(len(some)):
        if draw(st.integers(0, 9)) == 0:
            which = draw(st.sampled_from([offset, captured]))
            which[row] = draw(st.sampled_from([-1, -(2**40), 2**40, octets.size, octets.size + 1, 0]))
    time = np.array([draw(st.integers(0, 2**62)) for _ in some], np.int64)
    links = np.array([link for _, link in some], np.uint16)
    return Frames(octets, offset, captured, length, time, links, np.zeros(len(some), np.uint8), len(some))


def check_books(frames: Frames, unwrap: int) -> None:
    capacity = max(frames.count, 1)
    batch, options = packet_batch(capacity), options_table(capacity)
    for column in batch:
        column[:] = np.iinfo(column.dtype).max  # what isn't written is seen
    counters = np.zeros(len(COUNTERS), np.int64)
    before = frames.octets.copy()
    filled = int(decode_frames(frames, 0, RANGES, unwrap, batch, 0, counters))
    collect_options(frames.octets, batch, 0, filled, options)
    assert (frames.octets == before).all()
    books = dict(zip(COUNTERS, counters.tolist(), strict=True))
    assert books["frames"] == frames.count == sum(books[name] for name in EXCLUSIVE)
    assert books["stored"] == filled
    assert books["arp"] + books["ipv6"] <= books["not_ipv4"]
    assert all(books[name] <= filled for name in ("fragments", "truncated", "transport_malformed", "checksum_wrong"))
    assert books["unwrapped"] <= 4 * frames.count
    assert books["truncated"] == batch.truncated[:filled].sum()
    for row in range(filled):
        check_row(frames, batch, options, row)


def check_row(frames: Frames, batch: object, options: object, row: int) -> None:
    value = {
        name: int(getattr(batch, name)[row]) for name in batch._fields if name not in ("signature_entry", "new_payload")
    }  # type: ignore[attr-defined]
    begin, end = value["ip_offset"], value["ip_offset"] + value["ip_captured"]
    inside = [
        frame
        for frame in range(frames.count)
        if frames.offset[frame] <= begin and end <= frames.offset[frame] + frames.captured[frame]
    ]
    assert inside and 20 <= value["ip_captured"] <= max(value["ip_length"], value["ip_captured"])
    assert value["layers"] & RESPONDER == 0
    assert value["truncated"] in (0, 1) and value["raw"] in (0, 1)
    assert 0 <= value["time_ns"] < 1000
    if value["layers"] & PAYLOAD:
        assert begin + 20 <= value["payload_offset"]
        assert value["payload_offset"] + value["payload_length"] <= end
        assert value["payload_length"] > 0
    else:
        assert value["payload_length"] == 0
    if value["layers"] & TCP_OPTIONS:
        entry = value["options_entry"]
        length = int(options.offsets[entry + 1] - options.offsets[entry])  # type: ignore[attr-defined]
        assert length == value["options_length"] <= 40
        at, octets = value["options_offset"], options.octets  # type: ignore[attr-defined]
        known = octets[options.offsets[entry] : options.offsets[entry + 1]]  # type: ignore[attr-defined]
        assert bytes(known) == bytes(frames.octets[at : at + length])
    assert 0 <= value["block"] <= 1
    assert value["destination"] >> 31 == 0 or value["destination"] >> 8 == 0xC63364


@given(hostile(), st.integers(0, (1 << 57) - 1) | st.just(EVERY))
@settings(max_examples=EXAMPLES)
def test_any_frames_on_any_link_with_any_lengths(frames: Frames, unwrap: int) -> None:
    check_books(frames, unwrap)


@pytest.mark.skipif(PURE, reason="too slow in plain Python")
@needs_captures
def test_real_captures_with_octets_changed() -> None:
    dice = np.random.default_rng(1)
    seen = 0
    for path in sorted(CAPTURES.iterdir()):
        if path.suffix not in (".pcap", ".cap", ".pcapng"):
            continue
        try:
            source = open_source(path)
            for frames in source:
                few = frames._replace(count=min(frames.count, 300))
                if not few.count:
                    continue
                for unwrap in (0, 7):
                    last = int(few.offset[few.count - 1] + few.captured[few.count - 1])
                    for at in dice.integers(0, last, max(1, last // 40)):
                        few.octets[at] = dice.integers(0, 256)
                    check_books(few, unwrap)
                seen += few.count
                break
            source.close()
        except ValueError:
            continue
    assert seen > 4000


def test_a_full_batch_stops_before_the_frame_that_does_not_fit() -> None:
    count = 5
    octets = np.frombuffer(SEEDS[0] * count, np.uint8).copy()
    sizes = np.full(count, len(SEEDS[0]), np.int64)
    frames = Frames(
        octets,
        np.arange(count) * len(SEEDS[0]),
        sizes,
        sizes,
        sizes,
        np.ones(count, np.uint16),
        np.zeros(count, np.uint8),
        count,
    )
    batch, counters = packet_batch(3), np.zeros(len(COUNTERS), np.int64)
    assert decode_frames(frames, 0, RANGES, 0, batch, 0, counters) == 3
    assert counters[0] == 3
    batch = packet_batch(4)
    assert decode_frames(frames, 3, RANGES, 0, batch, 1, counters) == 3
    assert counters[0] == 5
