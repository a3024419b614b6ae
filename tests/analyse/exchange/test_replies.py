"""Replies that are made again are those which the responder's kernels wrote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ims.analyse.exchange.answering import Answering
from ims.analyse.exchange.options_text import options_text
from ims.analyse.exchange.replies import Exchange, Reply, replies_of

from ...decode.makers import ethernet, ip, summed
from ...respond.answers import Desk, read, segment
from ..exchanges import ACK, FIN, PSH, RST, SOURCE, SYN, answering, asked, echo, packet, udp

PORTS = {"80": "ack", "81": "synack", "82": "reset", "83": "silent", "default": "ack"}
LIMIT = 3000
OFFERS = ("", "020405b4", "020405b40402080a00000007000000000103030a", "0101080a1234567800000009", "0204ffff01010402",
          "0101050a0000000100000002", "01030307080a0000", "fe04aabb22020000")  # fmt: skip
"""TCP options, some of which lie about their length, or are of no known kind."""
actions = st.lists(
    st.tuples(
        st.sampled_from(["syn", "ece", "data", "fin", "ack", "ours", "odd", "wrong"]),
        st.sampled_from([80, 81, 82, 83]),
        st.sampled_from([0, 1, 500, 1460, LIMIT, 70_000, 140_000, 200_000]),
        st.sampled_from([0, 1, 700]),
        st.sampled_from([0.0, 0.5, 60.0, 200.0]),
        st.integers(0, 255),
        st.sampled_from(OFFERS),
    ),
    max_size=24,
)


@given(actions, st.integers(0, 2**32 - 1))
def test_they_are_what_the_kernels_wrote(steps: Any, begin: int) -> None:
    """A source that does anything: handshakes, data far beyond the limit, FINs, odd flags, wrong numbers."""
    desk = Desk(PORTS, data_limit=LIMIT, slots=4)
    cookies: dict[int, int] = {}
    packets, sent, at = [], [], 0.0
    for kind, port, reach, size, pause, flags, options in steps:
        at += pause
        desk.seconds = 1e6 + at
        ports = 1025 << 16 | port
        own = cookies.get(port, 12345)
        sequence, payload = begin + 1 + reach, b"x" * size
        bits, text, first, number = {
            "syn": (SYN, payload, begin, 0), "ece": (SYN | 0xC0, b"", begin, 0),
            "data": (ACK | PSH, payload, sequence, own + 1), "fin": (ACK | FIN, payload, sequence, own + 1),
            "ack": (ACK, b"", sequence, own + 1), "ours": (ACK | (flags & FIN), payload, sequence, own + 2),
            "odd": (flags, payload, sequence, 99), "wrong": (ACK | PSH, payload, sequence, own + 3),
        }[kind]  # fmt: skip
        frame = segment(bits, text, first, number, bytes.fromhex(options), ports=ports)
        stored, replies = asked(desk, [frame], at)
        packets += stored
        sent += [read(replies[0]) if replies else None] * len(stored)
        if replies and read(replies[0]).flags & 0x12 == 0x12:
            cookies[port] = read(replies[0]).sequence
    found = replies_of(packets, SOURCE, answering(PORTS, limit=LIMIT))
    assert len(found.verdicts) == len(sent)
    for verdict, truth in zip(found.verdicts, sent, strict=True):
        reply = verdict.reply
        assert (reply is None) == (truth is None), (verdict, truth)
        if reply is not None and truth is not None:
            assert (reply.flags, reply.acknowledgment, reply.length) == (truth.flags, truth.acknowledgment, 0)
            assert reply.options == options_text(truth.options, is_time_known=False)
            assert reply.sequence in (truth.sequence, None) and (reply.sequence is not None or truth.flags & SYN)
        assert reply is not None or not verdict.is_open


losses = st.lists(
    st.tuples(
        st.sampled_from(["syn", "syn", "data", "fin", "ack", "closed"]),
        st.sampled_from([0, 0, 100, 3000]),
        st.sampled_from([0.0, 0.0004, 0.1, 3.0, 60.0, 130.0, 300.0]),
        st.booleans(),
    ),
    max_size=16,
)


@given(losses, st.integers(0, 2**32 - 1))
@example([("syn", 0, 0.1, False), ("syn", 100, 0.1, True), ("ack", 0, 0.1, False)], 1000)
@example(
    [("syn", 0, 0.1, False), *[("fin", 0, 0.1, is_lost) for is_lost in (False, True)], ("closed", 0, 0.1, False)], 0
)
@example(
    [("syn", 0, 0.1, False), *[(kind, 0, 0.1, is_lost) for is_lost in (False, True) for kind in ("fin", "closed")]], 0
)
def test_none_is_certain_that_an_honest_source_did_not_get(steps: Any, begin: int) -> None:
    """Replies are kept back or lost at random; the source acknowledges what it got, and asks again as it likes, with
    the same number, with one so near that its cookie is the same, or with another."""
    desk = Desk("ack", data_limit=LIMIT, slots=4)
    packets, arrived, at = [], [], 0.0
    own, first, is_closed, recent = None, begin, False, 0
    for kind, beside, pause, is_lost in steps:
        at += pause
        desk.seconds = 1e6 + at
        if kind != "syn" and (own is None or (kind == "closed" and not is_closed)):
            continue
        asking = begin + beside & 0xFFFFFFFF
        after = first + 1 & 0xFFFFFFFF
        bits, text, sequence, number = {
            "syn": (SYN, b"", asking, 0), "data": (ACK | PSH, b"x" * 1460, after, (own or 0) + 1),
            "fin": (ACK | FIN, b"", after, (own or 0) + 1), "ack": (ACK, b"", after, (own or 0) + 1),
            "closed": (ACK, b"", after, (own or 0) + 2),
        }[kind]  # fmt: skip
        echoed = 0 if kind == "syn" else recent
        options = b"\1\1\x08\x0a" + int(at * 1000).to_bytes(4, "big") + echoed.to_bytes(4, "big")
        frame = segment(bits, text, sequence, number & 0xFFFFFFFF, options, ports=1025 << 16 | 80)
        stored, replies = asked(desk, [frame], at)
        packets += stored
        got = read(replies[0]) if replies and not is_lost else None
        arrived.append(got)
        if got is not None:
            recent = int.from_bytes(got.options.partition(b"\x08\x0a")[2][:4], "big") or recent
        if got is not None and got.flags & SYN:
            own, first, is_closed = got.sequence, got.acknowledgment - 1 & 0xFFFFFFFF, False
        elif got is not None and got.flags & FIN:
            is_closed = True
    for verdict, got in zip(replies_of(packets, SOURCE, answering(limit=LIMIT)).verdicts, arrived, strict=True):
        if verdict.reply is not None and verdict.reply.is_certain:
            assert got is not None and verdict.reply.sequence == got.sequence


@pytest.mark.parametrize(
    ("arrived", "certain"),
    [({1, 2, 3, 4}, {1, 2, 3}), ({1, 2}, {1, 2}), ({1, 3}, {1}), ({2, 3}, set()), (set(), set())],
    ids=["all", "the first two", "all but the second", "all but the first", "none"],
)
def test_an_acknowledgment_of_data_is_certain_whose_time_comes_back(arrived: set[int], certain: set[int]) -> None:
    """With the next data, so never the last one; which of two it is that may have a time, isn't known."""
    desk, packets, recent, own = Desk("ack", slots=4), [], b"\0" * 4, 0
    for number in range(5):
        desk.seconds = 1e6 + number
        options = b"\1\1\x08\x0a" + number.to_bytes(4, "big") + recent
        words = {"sequence": 1000, "payload": b""} if number == 0 else {"sequence": 1000 + number, "payload": b"x"}
        frame = segment(ACK | PSH if number else SYN, acknowledgment=own + 1, options=options, **words)  # type: ignore[arg-type]
        stored, [reply] = asked(desk, [frame], float(number))
        packets += stored
        if number == 0 or number in arrived:
            recent = read(reply).options.partition(b"\x08\x0a")[2][:4]
        own = own or read(reply).sequence
    found = [verdict.reply for verdict in replies_of(packets, SOURCE, answering()).verdicts]
    assert {number for number, reply in enumerate(found) if reply is not None and reply.is_certain} == {0} | certain
    silent = [each._replace(tcp_options="") for each in packets]
    assert sum(bool(reply and reply.is_certain) for reply in one(silent)) == 1, "the SYN-ACK alone, without times"


def one(packets: list[Any], policy: Any = "ack", **words: Any) -> list[Reply | None]:
    return [verdict.reply for verdict in replies_of(packets, SOURCE, answering(policy, **words)).verdicts]


def test_an_echo_comes_back_with_as_much_as_the_responder_s() -> None:
    for size in (0, 10, 32, 33, 500):
        desk = Desk(echo=True, slots=4)
        request = b"\x08\x00\x00\x00\x00\x07\x00\x01" + bytes(size)
        stored, replies = asked(desk, [ethernet(ip(1, summed(1, request, 2)))], 0)
        [reply] = one(stored, echo=True)
        assert reply is not None and reply.length == len(replies[0]) - 14 - 20 - 8
        assert reply.flags is None and not reply.is_certain
    assert one([echo()]) == [None] and one([echo(icmp_type=13)], echo=True) == [None]
    assert one([echo(icmp_code=1)], echo=True) == [None]


def test_a_syn_ack_is_certain_with_its_number_where_its_cookie_was_acknowledged() -> None:
    cookie = 0xABCDE000 | 1000 >> 11  # the coarse number stands in the lowest bits
    syn, ack = packet(SYN), packet(ACK, 0.2, tcp_sequence=1001, tcp_acknowledgment=cookie + 1, verified=True)
    [first, second] = one([syn, ack])
    assert first is not None and (first.sequence, first.is_certain, first.why) == (cookie, True, "SYN-ACK, the cookie")
    assert second is None
    again = one([syn, packet(SYN, 3), ack._replace(time=ack.time + 4_000_000)])
    assert [(each.sequence, each.is_certain) for each in again if each] == [(None, False), (cookie, False)]
    late = one([syn, ack._replace(time=ack.time + 300_000_000)])
    assert late[0] is not None and late[0].sequence is None


def test_our_fin_is_certain_where_the_source_acknowledged_it() -> None:
    cookie = 0xABCDE000
    of_it = {"verified": True, "tcp_sequence": 1001}
    fin = packet(FIN | ACK, 1, tcp_acknowledgment=cookie + 1, **of_it)
    last = packet(ACK, 2, tcp_acknowledgment=cookie + 2, **of_it)
    for packets, certain in (([fin, last], True), ([fin], False), ([fin, fin, last], False)):
        found = [reply for reply in one([packet(SYN), *packets]) if reply is not None and reply.why.startswith("FIN")]
        assert [reply.is_certain for reply in found] == [certain] * len(found) and found


@pytest.mark.parametrize(
    ("one_packet", "why"),
    [
        (packet(checksum=2), "a wrong checksum is never answered"),
        (packet(checksum=1), "a wrong checksum is never answered"),
        (packet(ip_fragment=0x2000), "a fragment is never answered"),
        (packet(truncated=True), "a packet that was cut is never answered"),
        (packet(tcp_options=None), "a header that is cut or lies is never answered"),
        (udp(), "never answered"),
        (packet(None, protocol=47), "never answered"),
        (packet(verified=None), "nothing answered here, as far as is known"),
        (packet(ACK | PSH, payload_length=3), "not our cookie"),
        (echo(), "echo isn't answered here, as far as is recorded"),
    ],
)
def test_what_is_never_answered_says_why(one_packet: Any, why: str) -> None:
    [verdict] = replies_of([one_packet], SOURCE, answering()).verdicts
    assert verdict.reply is None and verdict.what.endswith(f": {why}")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("127.0.0.1", "this source is never answered"), ("240.0.0.1", "this source is never answered"),
        ("198.51.100.3", "this source is never answered"), ("10.1.2.3", "a private source"),
    ],
)  # fmt: skip
def test_sources_that_get_no_reply_say_so(source: str, why: str) -> None:
    [verdict] = replies_of([packet(SYN)], source, answering()).verdicts
    assert verdict.reply is None and why in verdict.what
    assert verdict.is_open == (source == "10.1.2.3")
    [reset] = replies_of([packet(RST)], source, answering()).verdicts
    assert reset.what == "reset"


def test_a_private_source_that_was_answered_is_answered() -> None:
    packets = [packet(SYN), packet(ACK, 1, tcp_acknowledgment=1, verified=True)]
    assert replies_of(packets, "10.1.2.3", answering()).verdicts[0].reply is not None


def test_a_policy_by_port_that_isn_t_told_leaves_it_open_unless_a_source_acknowledged() -> None:
    old = Answering({}, {}, {})
    syn, other = packet(SYN), packet(SYN, destination_port=81)
    found: Exchange = replies_of([syn, other, packet(ACK, 1, tcp_acknowledgment=1, verified=True)], SOURCE, old)
    first, second, _ = found.verdicts
    assert first.reply is not None and not first.is_open
    assert second.reply is None and second.is_open and "isn't recorded" in second.what


def test_where_no_responder_is_recorded_an_acknowledged_number_shows_one() -> None:
    """As in a capture: nothing there is certain."""
    packets = [
        packet(SYN, verified=None),
        packet(ACK, 0.2, verified=None, tcp_sequence=1001, tcp_acknowledgment=5001),
        packet(ACK | PSH, 0.3, verified=None, tcp_sequence=1001, tcp_acknowledgment=5001, payload_length=72),
        packet(ACK | FIN, 0.4, verified=None, tcp_sequence=1073, tcp_acknowledgment=5001),
        packet(SYN, 0.5, verified=None, destination_port=81),
    ]
    first, second, third, fourth, last = one(packets)
    assert first is not None and (first.sequence, first.acknowledgment, first.is_certain) == (5000, 1001, False)
    assert second is None and third is not None and (third.sequence, third.acknowledgment) == (5001, 1073)
    assert fourth is not None and (fourth.flags, fourth.acknowledgment) == (FIN | ACK, 1074)
    assert last is None


def test_policies_that_changed_are_those_of_the_time() -> None:
    before = answering("reset")
    [(since, _)] = before.periods["a", "C/24"]
    both = Answering({("a", "C/24"): [(since, "reset"), (since + 5_000_000, "silent")]},
                     {**before.texts, **answering("silent").texts}, before.networks)  # fmt: skip
    first, second = replies_of([packet(SYN), packet(SYN, 6)], SOURCE, both).verdicts
    assert first.reply is not None and first.reply.why == "refused: closed by policy"
    assert second.what == "SYN again: policy silent"
