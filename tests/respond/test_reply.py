"""What is answered and what never is; every reply is judged by tshark as well."""

from __future__ import annotations

import itertools
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.respond.cookie import SHIFT

from ..decode.makers import MACS, ethernet, icmp, udp
from ..effort import examples
from .answers import ACK, CWR, ECE, FIN, PSH, RST, SENDING, SYN, URG, Desk, read, segment

TIMESTAMP = bytes.fromhex("0101080a1122334455667788")
LINUX = bytes.fromhex("020405b40402080a0000002a0000000001030307")


def opened(desk: Desk, sequence: int = 1000, **fields: int) -> int:
    """Our sequence number plus one, after a SYN."""
    [reply] = desk.answer(segment(SYN, sequence=sequence, **fields))
    return (read(reply).sequence + 1) & 0xFFFFFFFF


def test_a_syn_is_answered_from_the_address_and_port_it_went_to():
    desk = Desk("synack")
    [frame] = desk.answer(segment(SYN))
    reply = read(frame)
    assert frame[:14] == MACS[6:] + MACS[:6] + b"\x08\0"
    assert (reply.source, reply.destination, reply.ports) == ("198.51.100.7", "192.0.2.1", (80, 1025))
    assert (reply.acknowledgment, reply.flags, reply.window) == (1001, SYN | ACK, 65535)
    assert reply.options == bytes.fromhex("020405b4")
    assert desk.counted == {"synacks": 1}


def test_options_are_answered_in_kind():
    desk = Desk()
    [frame] = desk.answer(segment(SYN, options=LINUX))
    options = read(frame).options
    now = int(desk.seconds * 1000) & 0xFFFFFFFF
    assert options == bytes.fromhex("020405b4 0402 080a") + struct.pack(">II", now, 42) + bytes.fromhex("01030300")
    for offered, answered in (
        (bytes.fromhex("04020101"), bytes.fromhex("020405b401010402")),
        (bytes.fromhex("03030101"), bytes.fromhex("020405b401030300")),
        (bytes.fromhex("03040101"), bytes.fromhex("020405b4")),  # a window scale of a wrong length
        (bytes.fromhex("01030307"), bytes.fromhex("020405b401030300")),
        (bytes.fromhex("00030307"), bytes.fromhex("020405b4")),  # after the end
        (bytes.fromhex("02000402"), bytes.fromhex("020405b4")),  # a length of 0
        (bytes.fromhex("08ff0000"), bytes.fromhex("020405b4")),
    ):
        [frame] = desk.answer(segment(SYN, options=offered))
        assert read(frame).options == answered, offered.hex()


@pytest.mark.parametrize(
    ("flags", "answered"),
    [
        (SYN, SYN | ACK),
        (SYN | PSH | URG, SYN | ACK),
        (SYN | ECE | CWR, SYN | ACK | ECE),
        (SYN | ECE, SYN | ACK),
        (SYN | CWR, SYN | ACK),
        (SYN | FIN, None),
        (SYN | RST, None),
        (SYN | ACK, None),
        (SYN | FIN | URG | PSH, None),
        (RST, None),
        (RST | ACK, None),
        (FIN, None),
        (ACK, None),
        (FIN | ACK, None),
        (FIN | PSH | URG, None),
        (0, None),
    ],
)
def test_flags_without_a_connection(flags, answered):
    """As Linux does it, but that it resets what belongs to no connection, and we never do (docs/sensor.md)."""
    replies = Desk().answer(segment(flags))
    assert [read(reply).flags for reply in replies] == ([] if answered is None else [answered])


def test_data_in_a_syn_are_not_acknowledged():
    [frame] = Desk().answer(segment(SYN, b"early"))
    assert read(frame).acknowledgment == 1001


def test_a_port_of_zero_is_a_port():
    [frame] = Desk().answer(segment(SYN, ports=0))
    assert read(frame).ports == (0, 0)


def test_reset_is_what_a_closed_port_says():
    desk = Desk("reset")
    [frame] = desk.answer(segment(SYN, b"abc"))
    reply = read(frame)
    assert (reply.flags, reply.sequence, reply.acknowledgment, reply.window) == (RST | ACK, 0, 1004, 0)


def test_data_are_acknowledged_only_with_our_cookie():
    desk = Desk()
    ours = opened(desk)
    assert desk.answer(segment(ACK, sequence=1001, acknowledgment=ours)) == []
    assert desk.rows.verified[0] == 1
    [frame] = desk.answer(segment(ACK | PSH, b"GET /", sequence=1001, acknowledgment=ours))
    reply = read(frame)
    assert (reply.flags, reply.sequence, reply.acknowledgment) == (ACK, ours, 1006)
    for wrong in (ours - 1, ours + 2, ours ^ 1 << 20, 0, 12345):
        assert desk.answer(segment(ACK | PSH, b"GET /", sequence=1001, acknowledgment=wrong)) == []
        assert desk.rows.verified[0] == 0
    assert Desk("synack").answer(segment(ACK | PSH, b"GET /", sequence=1001, acknowledgment=ours)) == []


def test_a_timestamp_is_echoed_in_an_acknowledgment():
    desk = Desk()
    ours = opened(desk)
    [frame] = desk.answer(segment(ACK, b"x", sequence=1001, acknowledgment=ours, options=TIMESTAMP))
    now = int(desk.seconds * 1000) & 0xFFFFFFFF
    assert read(frame).options == b"\1\1\x08\x0a" + struct.pack(">II", now, 0x11223344)


def test_a_fin_is_acknowledged_and_returned_and_after_that_only_acknowledged():
    desk = Desk()
    ours = opened(desk)
    [frame] = desk.answer(segment(FIN | ACK, b"bye", sequence=1001, acknowledgment=ours))
    reply = read(frame)
    assert (reply.flags, reply.sequence, reply.acknowledgment) == (FIN | ACK, ours, 1005)
    assert desk.answer(segment(ACK, sequence=1005, acknowledgment=ours + 1)) == []
    assert desk.rows.verified[0] == 1
    [frame] = desk.answer(segment(FIN | ACK, sequence=1004, acknowledgment=ours + 1))
    reply = read(frame)
    assert (reply.flags, reply.sequence, reply.acknowledgment) == (ACK, (ours + 1) & 0xFFFFFFFF, 1005)


@pytest.mark.parametrize("start", [0, 1000, 0xFFFFFFFF, 0xFFFF0000])
@pytest.mark.parametrize("limit", [1000, 65_536, 1 << 20])
def test_a_connection_is_closed_after_its_limit_and_refused_after_two_windows(start, limit):
    desk = Desk(data_limit=limit)
    ours = opened(desk, start)
    coarse = 1 << int(desk.clock.cookies[SHIFT])
    told = []
    for at in range(1, limit + 4 * 65_536, 500):
        replies = desk.answer(segment(ACK, bytes(500), sequence=start + at, acknowledgment=ours))
        [reply] = [read(frame) for frame in replies]
        told.append((at + 499, reply.flags))
        if reply.flags != RST:
            assert reply.acknowledgment == (start + at + 500) & 0xFFFFFFFF
        if reply.flags == RST:
            break
    kinds = [flags for flags, _ in itertools.groupby(flags for _, flags in told)]
    assert kinds == [ACK, FIN | ACK, RST]
    last = max(sent for sent, flags in told if flags == ACK)
    assert limit - 500 <= last <= limit + coarse
    assert told[-1][0] >= limit + 2 * 65_536


def test_what_never_causes_a_reply():
    desk = Desk(echo=True)
    wrong_tcp = bytearray(segment(SYN))
    wrong_tcp[-1] ^= 1
    wrong_ip = bytearray(segment(SYN))
    wrong_ip[24] ^= 1
    frames = [
        bytes(wrong_tcp),
        bytes(wrong_ip),
        segment(SYN, fragment=0x2000),
        segment(SYN, fragment=1),
        ethernet(udp()),
        *(ethernet(icmp(kind)) for kind in (0, 3, 4, 5, 11, 12, 13, 15, 17)),
        ethernet(icmp(8, 1)),
        segment(SYN, destination=0xC6336500),
    ]
    assert desk.answer(*frames) == []
    assert desk.counted == {}


def test_frames_to_others_or_to_a_group_cause_none():
    for kind in (1, 2, 3, 4):
        assert Desk().answer(segment(SYN), kind=kind) == []
    group = bytearray(segment(SYN))
    group[0] |= 1
    assert Desk().answer(bytes(group)) == []
    sender = bytearray(segment(SYN))
    sender[6] |= 1
    assert Desk().answer(bytes(sender)) == []


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 56, 1400])
def test_an_echo_is_answered_if_asked_and_never_in_more_than_60_octets(size):
    payload = bytes(i & 0xFF for i in range(size))
    assert Desk().answer(ethernet(icmp(8, payload=payload))) == []
    [frame] = Desk(echo=True).answer(ethernet(icmp(8, rest=0x12345678, payload=payload)))
    packet = frame[14:]
    assert len(packet) == min(28 + size, 60)
    assert packet[20:22] == b"\0\0"
    assert packet[24:] == (b"\x12\x34\x56\x78" + payload)[: len(packet) - 24]


def test_limits_are_kept_and_counted():
    desk = Desk(reply_limit=5)
    replies = desk.answer(*[segment(SYN, sequence=n) for n in range(80)])
    assert len(replies) == 50
    assert desk.counted == {"synacks": 50, "limited_address": 30}


def test_a_full_ring_is_counted_and_nothing_is_overwritten():
    desk = Desk(slots=4)
    desk.slots.octets[256 * 2] = SENDING
    replies = desk.answer(*[segment(SYN, sequence=n) for n in range(10)])
    assert desk.counted == {"synacks": 2, "ring_full": 8}
    assert len(replies) == 2
    assert not desk.slots.octets[256 * 2 + 1 :].any()


anything = st.one_of(
    st.binary(max_size=120),
    st.builds(ethernet, st.binary(max_size=100)),
    st.builds(
        lambda flags, payload, source, options: segment(flags, payload, source=source, options=options[: len(options) & ~3]),
        st.integers(0, 511), st.binary(max_size=80), st.integers(0, 2**32 - 1), st.binary(max_size=40),
    ),
    st.builds(lambda kind, code, payload: ethernet(icmp(kind, code, payload=payload)),
              st.integers(0, 255), st.integers(0, 255), st.binary(max_size=80)),
)  # fmt: skip


@given(st.lists(anything, max_size=8), st.sampled_from([1, 101, 113]), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=examples(300, 60))
def test_whatever_comes_replies_are_small_go_back_and_are_one_a_packet(frames, link, with_arp, vlan):
    desk = Desk(echo=True)
    before = desk.slots.octets.copy()
    replies = desk.answer(*frames, link=link, vlan=vlan, arp=with_arp)
    assert len(replies) <= len(frames)
    taken = 14 + (4 if vlan else 0) if link == 1 else 0
    for reply in replies:
        if with_arp:
            continue
        packet = reply[reply.index(b"\x45", taken) :]
        assert 40 <= len(packet) + 12 <= 72
        assert packet[12:15] == bytes([198, 51, 100])
        assert packet[16] not in (0, 10, 127, *range(224, 256))
    # Nothing outside the slots that were handed over was touched but their own octets.
    used = len(replies) * 256
    assert (desk.slots.octets[used:] == before[used:]).all()


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark here")
def test_tshark_finds_nothing_wrong_with_any_reply(tmp_path: Path) -> None:
    desk = Desk(echo=True)
    ours = opened(desk)
    frames = [segment(SYN, options=LINUX[: 4 * n]) for n in range(6)]
    frames += [segment(SYN | ECE | CWR, sequence=n) for n in range(50)]
    frames += [segment(ACK, bytes(n), sequence=1001, acknowledgment=ours, options=TIMESTAMP) for n in range(1, 60)]
    frames += [segment(FIN | ACK, sequence=1001, acknowledgment=ours)]
    frames += [ethernet(icmp(8, payload=bytes(range(n)))) for n in range(60)]
    replies = desk.answer(*frames) + Desk("reset").answer(*frames[:10])
    assert len(replies) == len(frames) + 10
    header = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    records = b"".join(struct.pack("<IIII", 0, n, len(r), len(r)) + r for n, r in enumerate(replies))
    (tmp_path / "replies.pcap").write_bytes(header + records)
    checks = [option for name in ("ip", "tcp") for option in ("-o", f"{name}.check_checksum:TRUE")]
    fields = ["ip.checksum.status", "tcp.checksum.status", "icmp.checksum.status", "_ws.malformed", "ip.len"]
    done = subprocess.run(
        ["tshark", "-r", tmp_path / "replies.pcap", *checks, "-T", "fields", *[x for f in fields for x in ("-e", f)]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(lines) == len(replies)
    good: Any = {("1", "1", ""), ("1", "", "1")}
    assert {tuple(line[:3]) for line in lines} <= good
    assert all(line[3] == "" and int(line[4]) <= 60 for line in lines)
    assert np.unique([line[1] for line in lines]).size == 2
