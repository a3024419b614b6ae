"""The rules over columns give what the responder writes into frames."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from ims.respond.cookie import CLOSED, CONTINUES
from ims.respond.policy import POLICIES
from ims.respond.reconstruction import NOT_KNOWN, Segments, options_of, replies_to
from ims.respond.reply import ACKS, RESETS, SYNACKS

from .answers import ACK, FIN, PSH, RST, SYN, Desk, read, segment

FLAGS = (
    0,
    SYN,
    SYN | 0xC0,
    SYN | ACK,
    SYN | FIN,
    SYN | RST,
    SYN | PSH,
    RST,
    RST | ACK,
    FIN,
    FIN | ACK,
    ACK,
    ACK | PSH,
    0xFF,
)


@pytest.mark.parametrize("limit", [1000, 1 << 24])
def test_each_reply_has_the_flags_and_numbers_of_the_responder_s(limit: int) -> None:
    """Flags, policies and places in a connection: one frame of each to a responder, one row of each here."""
    begin, rows, replies = 0xFFFFFF00, [], []
    desks = {policy: Desk(policy, data_limit=limit, slots=4) for policy in POLICIES}
    cookie = {}
    for policy, desk in desks.items():
        [*made] = desk.answer(segment(SYN, sequence=begin))
        cookie[policy] = read(made[0]).sequence if made and read(made[0]).flags == SYN | ACK else 7
    progress = (0, 1, limit, limit + 131_072, limit + 200_000)
    for policy, flags, size, above, reach in product(POLICIES, FLAGS, (0, 700), (0, CONTINUES, CLOSED), progress):
        if reach and policy != "ack":
            continue
        desk = desks[policy]
        number = (cookie[policy] + above if above else 99) & 0xFFFFFFFF
        sequence = (begin + 1 + reach) & 0xFFFFFFFF
        if flags & SYN:
            sequence = begin
        made = desk.answer(segment(flags, bytes(size), sequence, number))
        replies.append(read(made[0]) if made else None)
        is_verified = bool(desk.rows.verified[0])
        kind = POLICIES.index(policy)
        rows.append((flags, above if is_verified else 0, number, kind, size, sequence, number))
    found = replies_to(Segments(*np.array(rows, np.int64).T.copy()), limit)
    for row, (reply, truth) in enumerate(zip(found.reply.tolist(), replies, strict=True)):
        assert (reply < 0) == (truth is None), rows[row]
        if truth is not None:
            assert (found.flags[row], found.acknowledgment[row]) == (truth.flags, truth.acknowledgment)
            if found.sequence[row] == NOT_KNOWN:
                assert truth.flags & SYN
            else:
                assert found.sequence[row] == truth.sequence
    kinds = {truth.flags for truth in replies if truth is not None}
    assert kinds >= {SYN | ACK, ACK, FIN | ACK, 0x14}
    assert limit == 1 << 24 or 0x04 in kinds, "a reset, far beyond the limit"


def test_no_packets_have_no_replies() -> None:
    assert len(replies_to(Segments(*np.zeros((7, 0), np.int64)), 65_536).reply) == 0


LINUX = bytes.fromhex("020405b40402080a000000070000000001030307")
TIME = bytes.fromhex("0101080a0000000800000007")


@pytest.mark.parametrize(
    "options", [b"", LINUX, TIME, LINUX[:4], TIME[2:] + b"\1\1", b"\1\1\4\2", b"\3\3\7\1", b"\4\0\1\1"]
)
def test_each_reply_has_the_options_of_the_responder_s_but_for_its_time(options: bytes) -> None:
    desk, closed = Desk(slots=4), Desk("reset", slots=4)
    [synack] = desk.answer(segment(SYN, options=options))
    [ack] = desk.answer(segment(ACK | PSH, b"x", 1001, read(synack).sequence + 1 & 0xFFFFFFFF, options))
    [reset] = closed.answer(segment(SYN, options=options))
    for reply, frame in ((SYNACKS, synack), (ACKS, ack), (RESETS, reset)):
        truth = read(frame).options
        at = truth.find(b"\x08\x0a")
        timeless = truth if at < 0 else truth[: at + 2] + bytes(4) + truth[at + 6 :]
        assert options_of(reply, options, 1460) == timeless
