"""The sources' side of a connection: a SYN-ACK to one of ours is answered as its SYN's number says, any other is not."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.capture.source import Frames
from ims.simulate.kernels.client import COUNTERS, ROOM, answer
from ims.simulate.kernels.conversation import MESSAGES, code_of, decoded
from ims.simulate.kernels.frame_buffer import LARGEST, PACKET, empty_draft
from ims.simulate.kernels.prng import stream
from ims.simulate.output.play import Play

from ..captures import ACK, BLOCK, SYN, scenario
from ..pcap_by_hand import packet as by_hand

u64, u32, u16 = (st.integers(0, (1 << bits) - 1) for bits in (64, 32, 16))
SERVICES = [
    {"port": "tcp/135", "says": ["made:bind:72", "made:request:1704"],
     "follow": {"port": "tcp/4444", "says": ["text:command"]}},
    {"port": "tcp/7"},
    {"port": "tcp/99", "says": ["text:ask"], "follow": {"port": "udp/69", "says": ["text:get"]}},
    {"port": "tcp/3306", "fresh": 1.0, "fresh_octets": "60-120"},
    {"port": "tcp/8000", "says": [f"made:long:{MESSAGES * 1460 - 1460 * 20}", f"made:longer:{20 * 1460}"]},
]  # fmt: skip


@given(u64, u32, u32, u16, u16, st.integers(0, 4095), st.integers(0, 255))
def test_a_sequence_number_says_what_will_be_said(secret, source, destination, port, dark_port, service, choice):
    key = np.uint64(secret)
    sequence = code_of(key, source, destination, port, dark_port, service, choice)
    assert 0 <= sequence < 1 << 32
    assert decoded(key, source, destination, port, dark_port, sequence) == (service, choice)


def test_other_sequence_numbers_say_nothing():
    """But for one in 4,096: of 20,000, four standard deviations around five."""
    dice = np.random.default_rng(1)
    numbers = dice.integers(0, 1 << 32, 20_000).tolist()
    found = sum(decoded(np.uint64(7), 1, 2, 3, 4, number)[0] >= 0 for number in numbers)
    assert 0 <= found <= 5 + 4 * 5**0.5


@pytest.fixture(scope="module")
def playing():
    """A scenario made for a live link, and the SYNs that it sends in its first while."""
    worms = [
        {"name": f"w{index}", "hosts": 50, "runs_per_hour": 300_000_000, "service": [service]}
        for index, service in enumerate(SERVICES)
    ]
    worms.append({"name": "mirai", "hosts": 50, "runs_per_hour": 300_000_000, "personas": {"mirai": 1},
                  "service": [{"port": "tcp/23", "says": ["telnet-login"]}]})  # fmt: skip
    play = Play(scenario(duration="200s", block=[BLOCK], worm=worms), 3, live=True)
    part = next(play.whiles())
    frames = [
        part.draft.octets[part.draft.offset[row] : part.draft.offset[row] + part.draft.length[row]].tobytes()
        for row in part.order[: part.count].tolist()
    ]
    return play, [frame[14:] for frame in frames]


def syn_ack(syn, **changes):
    """A sensor's answer to this SYN (from the IP header on), as a frame."""
    source, destination = syn[12:16], syn[16:20]
    port, dark_port, sequence = struct.unpack_from("!HHI", syn, 20)
    acknowledgment = (sequence + 1 + changes.get("off", 0)) & 0xFFFFFFFF
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, changes.get("fragment", 0), 64, changes.get("protocol", 6), 0)
    ip += changes.get("source", destination) + source
    tcp = struct.pack("!HHIIHHHH", changes.get("port", dark_port), port, 77, acknowledgment,
                      5 << 12 | changes.get("flags", SYN | ACK), 8192, 0, 0)  # fmt: skip
    return bytes(12) + struct.pack("!H", changes.get("ethertype", 0x0800)) + ip + tcp


def answered(play, frames, rows=2000):
    """What the sources answer to these frames, from the IP header on, and the counters."""
    length = np.array([len(frame) for frame in frames], np.int64)
    source = Frames(np.frombuffer(b"".join(frames), np.uint8), np.cumsum(length) - length, length, length,
                    np.zeros(len(frames), np.int64), np.ones(len(frames), np.uint16),
                    np.zeros(len(frames), np.uint8), len(frames))  # fmt: skip
    draft, counters = empty_draft(rows, rows * LARGEST), np.zeros(len(COUNTERS), np.int64)
    looked = answer(source, 0, draft, np.zeros(1, PACKET)[0], play.tables, play.world.first, play.world.last,
                    stream(1, 1), 5_000_000_000, counters)  # fmt: skip
    packets = [draft.octets[draft.offset[i] + 14 : draft.offset[i] + draft.length[i]].tobytes()
               for i in range(draft.used[0])]  # fmt: skip
    return packets, dict(zip(COUNTERS, counters.tolist(), strict=True)), looked


def first_to(playing, port):
    return next(syn for syn in playing[1] if struct.unpack_from("!H", syn, 22)[0] == port)


def test_live_scenarios_send_each_syn_once(playing):
    _, syns = playing
    keys = [syn[12:28] for syn in syns]
    assert len(set(keys)) == len(keys) > 200
    assert all(syn[33] == SYN for syn in syns)


SAID = {
    135: [72, 1460, 244], 7: [], 99: [3], 3306: [None], 8000: [1460] * MESSAGES, 23: [6],
}  # fmt: skip
FOLLOWS = {135: (6, 4444), 99: (17, 69)}


@pytest.mark.parametrize("port", SAID)
def test_a_syn_ack_is_acknowledged_and_answered(playing, port):
    play, _ = playing
    syn = first_to(playing, port)
    packets, counters, _ = answered(play, [syn_ack(syn)])
    wanted = {"syn_acks": 1, "not_ours": 0, "connections": 1, "spoken": int(bool(SAID[port])),
              "followed": int(port in FOLLOWS)}  # fmt: skip
    assert counters == wanted
    told = [by_hand(packet, 0) for packet in packets]
    assert all(packet.checksums_right for packet in told)
    assert {packet.source for packet in told} == {int.from_bytes(syn[12:16], "big")}
    assert {packet.destination for packet in told} == {int.from_bytes(syn[16:20], "big")}
    sequence = struct.unpack_from("!I", syn, 24)[0]
    acknowledges, *said = told[: 1 + len(SAID[port])]
    assert (acknowledges.flags, acknowledges.payload) == (ACK, b"")
    at = (sequence + 1) & 0xFFFFFFFF
    assert acknowledges.sequence == at
    for packet, length in zip(said, SAID[port], strict=True):
        assert (packet.flags, packet.sequence) == (24, at)
        assert len(packet.payload) == length or (length is None and 60 <= len(packet.payload) <= 120)
        at = (at + len(packet.payload)) & 0xFFFFFFFF
    assert all(struct.unpack_from("!I", raw, 28)[0] == 78 for raw in packets[: 1 + len(said)])
    for packet in told[1 + len(said) :]:
        assert (packet.protocol, packet.destination_port) == FOLLOWS[port]
    assert len(told) == 1 + len(said) + (port in FOLLOWS)


def test_the_connection_that_follows_is_answered_too(playing):
    play, _ = playing
    packets, _, _ = answered(play, [syn_ack(first_to(playing, 135))])
    command = packets[-1]
    packets, counters, _ = answered(play, [syn_ack(command)])
    assert by_hand(packets[-1], 0).payload == b"command"
    assert counters["connections"] == counters["spoken"] == 1


NOT_OURS = {
    "off by one": {"off": 1}, "of another port": {"port": 136}, "of an address that isn't dark": {"source": b"\x08\x08\x08\x08"},
    "of another dark address": {"source": b"\xc6\x33\x64\xfe"},
}  # fmt: skip
IGNORED = {
    "a SYN": {"flags": SYN}, "an ACK": {"flags": ACK}, "a reset": {"flags": 0x16}, "UDP": {"protocol": 17},
    "a fragment": {"fragment": 0x2000}, "IPv6": {"ethertype": 0x86DD},
}  # fmt: skip


@pytest.mark.parametrize("what", [*NOT_OURS, *IGNORED])
def test_others_get_nothing(playing, what):
    play, _ = playing
    packets, counters, looked = answered(play, [syn_ack(first_to(playing, 135), **(NOT_OURS | IGNORED)[what])])
    assert (packets, looked) == ([], 1)
    assert counters["syn_acks"] == counters["not_ours"] == (what in NOT_OURS)


def test_another_seed_s_syns_get_nothing(playing):
    play, _ = playing
    worm = {"name": "w", "hosts": 50, "runs_per_hour": 300_000_000, "service": [SERVICES[0]]}
    other = Play(scenario(duration="200s", block=[BLOCK], worm=[worm]), 4, live=True)
    part = next(other.whiles())
    row = int(part.order[0])
    syn = part.draft.octets[part.draft.offset[row] + 14 : part.draft.offset[row] + part.draft.length[row]].tobytes()
    packets, counters, _ = answered(play, [syn_ack(syn)])
    assert packets == []
    assert counters["not_ours"] == 1


def test_it_stops_where_a_whole_answer_may_not_fit(playing):
    """And goes on from there, so that nothing is cut."""
    play, _ = playing
    frame = syn_ack(first_to(playing, 8000))
    packets, counters, looked = answered(play, [frame] * 10, rows=ROOM + MESSAGES + 10)
    assert 0 < looked == counters["connections"] < 10
    assert len(packets) == looked * (1 + MESSAGES)


@given(st.lists(st.binary(max_size=90), max_size=5), st.randoms())
def test_any_octets_do_no_harm(frames, dice):
    play = _play()
    whole = [bytes(12) + b"\x08\x00\x45" + frame if dice.random() < 0.7 else frame for frame in frames]
    _, _, looked = answered(play, whole) if whole else ([], {}, 0)
    assert looked == len(whole)


_PLAYS: list[Play] = []


def _play() -> Play:
    if not _PLAYS:
        _PLAYS.append(
            Play(scenario(worm=[{"name": "w", "hosts": 5, "runs_per_hour": 10, "service": SERVICES}]), 1, live=True)
        )
    return _PLAYS[0]
