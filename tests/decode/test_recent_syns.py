"""RSTs to our own SYN-ACKs are told from backscatter by the SYNs before them; what can't be told is counted."""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.decode.category import BACKSCATTER, SCAN, SESSION
from ims.decode.recent_syns import WITHIN_US, recent_syns, settle_resets
from ims.decode.verdict import COUNTERS, RESETS_UNDECIDED
from ims.packet.field_values import ACK, RST, SYN
from ims.records import PORTS, TCP, packet_batch

EXAMPLES = 60 if numba.config.DISABLE_JIT else 500
SECRET = b"a secret of ours"
LONG_AGO = -100 * WITHIN_US
Packet = tuple[int, int, int, int, int, int]
"""time in microseconds, source, source port, flags, sequence number, payload octets"""


def settle(packets: list[Packet], bits: int = 14, parts: int = 1, **columns: Any) -> tuple[list[int], int]:
    """(categories, RSTs that couldn't be decided) of packets that come in so many parts, long after the first one."""
    batch, counters = packet_batch(max(1, len(packets))), np.zeros(len(COUNTERS), np.int64)
    for column in batch:
        column[:] = 0
    for row, (time, source, port, flags, sequence, data) in enumerate(packets):
        batch.time[row], batch.source[row], batch.source_port[row] = time, source, port
        batch.destination[row], batch.destination_port[row] = 0xC6336407, 80
        batch.tcp_flags[row], batch.tcp_sequence[row], batch.payload_length[row] = flags, sequence, data
        batch.layers[row] = PORTS | TCP
        batch.category[row] = BACKSCATTER if flags & RST else SCAN
    for name, values in columns.items():
        getattr(batch, name)[:] = values
    recent = recent_syns(SECRET, bits)
    recent.began_us[0] = LONG_AGO
    edges = np.linspace(0, len(packets), parts + 1).astype(int)
    for first, last in itertools.pairwise(edges):
        settle_resets(batch, int(first), int(last), recent, counters)
    return batch.category[: len(packets)].tolist(), int(counters[RESETS_UNDECIDED])


def one_reset(*packets: Packet, **options: Any) -> tuple[str, int]:
    """What the last packet is, and whether it is counted as undecided."""
    categories, undecided = settle(list(packets), **options)
    return {SESSION: "session", BACKSCATTER: "backscatter"}[categories[-1]], undecided


OPENS = (0, 1, 2000, SYN, 777, 0)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("flags", [RST, RST | ACK, RST | 8])
def test_the_number_after_the_syn_makes_it_a_session(flags: int, parts: int) -> None:
    assert one_reset(OPENS, (300_000, 1, 2000, flags, 778, 0), parts=parts) == ("session", 0)


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        ((300_000, 2, 2000, RST, 778, 0), "another source"),
        ((300_000, 1, 2001, RST, 778, 0), "another port"),
        ((WITHIN_US + 1, 1, 2000, RST, 778, 0), "too late"),
        ((300_000, 1, 2000, RST | ACK, 0, 0), "what refuses a SYN"),
    ],
)
def test_all_else_is_backscatter(packet: Packet, why: str) -> None:
    assert one_reset(OPENS, packet) == ("backscatter", 0), why


@pytest.mark.parametrize("number", [777, 779, 0])
def test_of_another_number_it_is_not_known_what_it_answers(number: int) -> None:
    """Something later in the conversation, or an earlier SYN of the same ports."""
    assert one_reset(OPENS, (300_000, 1, 2000, RST, number, 0)) == ("backscatter", 1)


def test_of_two_syns_with_the_same_ports_the_first_one_s_reset_is_counted() -> None:
    assert one_reset(OPENS, (1_000_000, 1, 2000, SYN, 100, 0), (2_000_000, 1, 2000, RST, 778, 0)) == ("backscatter", 1)


def test_data_that_came_with_the_syn_may_have_been_acknowledged_or_not() -> None:
    opens = (0, 1, 2000, SYN, 0xFFFFFFF0, 31)
    assert one_reset(opens, (5, 1, 2000, RST, 0xFFFFFFF1, 0)) == ("session", 0)
    assert one_reset(opens, (5, 1, 2000, RST, 16, 0)) == ("session", 0)
    assert one_reset(opens, (5, 1, 2000, RST, 15, 0)) == ("backscatter", 1)


def test_the_last_syn_of_the_same_ports_counts_and_one_with_ack_is_none() -> None:
    assert one_reset(OPENS, (1, 1, 2000, SYN, 9, 0), (5, 1, 2000, RST, 10, 0)) == ("session", 0)
    assert one_reset((0, 1, 2000, SYN | ACK, 777, 0), (5, 1, 2000, RST, 778, 0)) == ("backscatter", 0)
    assert one_reset((0, 1, 2000, SYN | RST, 777, 0), (5, 1, 2000, RST, 778, 0)) == ("backscatter", 0)
    assert one_reset((0, 1, 2000, SYN | 0xC0, 777, 0), (5, 1, 2000, RST, 778, 0)) == ("session", 0)


def test_a_verified_one_is_a_session_whatever_its_number() -> None:
    assert one_reset((5, 1, 2000, RST | ACK, 5000, 0), verified=1) == ("session", 0)


def test_what_is_no_tcp_is_left_alone() -> None:
    assert settle([OPENS, (5, 1, 2000, RST, 778, 0)], layers=PORTS) == ([SCAN, BACKSCATTER], 0)


def test_a_place_that_was_taken_over_is_counted() -> None:
    others = [(1 + number, 7, number, SYN, 1, 0) for number in range(200)]  # two places: both are taken over
    assert one_reset(OPENS, *others, (5000, 1, 2000, RST, 778, 0), bits=1) == ("backscatter", 1)
    assert one_reset(OPENS, *others, (5000, 1, 2000, RST | ACK, 0, 0), bits=1) == ("backscatter", 0)
    assert one_reset(OPENS, *others, (3 * WITHIN_US, 1, 2000, RST, 778, 0), bits=1) == ("backscatter", 0)


def test_what_comes_soon_after_the_beginning_is_counted() -> None:
    batch, counters = packet_batch(1), np.zeros(len(COUNTERS), np.int64)
    for column in batch:
        column[:] = 0
    batch.layers[0], batch.tcp_flags[0], batch.tcp_sequence[0] = PORTS | TCP, RST, 5
    batch.category[0], batch.time[0] = BACKSCATTER, 1_772_600_400_000_000
    recent = recent_syns(SECRET)
    settle_resets(batch, 0, 1, recent, counters)
    assert counters[RESETS_UNDECIDED] == 1
    batch.time[0] += WITHIN_US
    settle_resets(batch, 0, 1, recent, counters)
    assert counters[RESETS_UNDECIDED] == 1


def test_places_depend_on_the_secret_and_fill_evenly() -> None:
    dice = np.random.default_rng(1)
    batch, counters = packet_batch(1 << 10), np.zeros(len(COUNTERS), np.int64)
    for column in batch:
        column[:] = 0
    batch.source[:], batch.source_port[:] = dice.integers(0, 1 << 32, 1 << 10), dice.integers(0, 1 << 16, 1 << 10)
    batch.tcp_flags[:], batch.layers[:], batch.time[:] = SYN, PORTS | TCP, 1
    where = []
    for secret in (SECRET, b"another secret 1"):
        recent = recent_syns(secret, 10)
        settle_resets(batch, 0, 1 << 10, recent, counters)
        taken = np.flatnonzero(recent.places[:, 2] == 1)
        assert len(taken) > 560  # 1 - 1/e of 1,024 places is 647
        where.append(taken.tolist())
    assert where[0] != where[1]


@st.composite
def traffic(draw: st.DrawFn) -> list[Packet]:
    """SYNs and RSTs of a few sources in the order of their time, with numbers that often fit."""
    time, found = 0, []
    for _ in range(draw(st.integers(1, 40))):
        time += draw(st.sampled_from([0, 1, 1_000_000, WITHIN_US // 2, WITHIN_US, WITHIN_US + 1]))
        flags = draw(st.sampled_from([SYN, SYN, RST, RST, RST | ACK, ACK, SYN | ACK]))
        sequence = draw(st.sampled_from([5, 6, 7, 9, 0xFFFFFFFE]))
        found.append((time, draw(st.integers(0, 3)), draw(st.integers(0, 3)), flags, sequence, draw(st.integers(0, 2))))
    return found


@given(traffic(), st.integers(1, 8), st.integers(1, 4))
@settings(max_examples=EXAMPLES)
def test_whatever_is_missed_is_counted(packets: list[Packet], bits: int, parts: int) -> None:
    """An oracle with room for all: what it calls a session and the table doesn't is among the undecided."""
    latest: dict[tuple[int, int], tuple[int, set[int]]] = {}
    right = []
    for time, source, port, flags, sequence, data in packets:
        category = BACKSCATTER if flags & RST else SCAN
        if flags & (SYN | ACK | RST) == SYN:
            after = (sequence + 1) & 0xFFFFFFFF
            latest[source, port] = time, {after, (after + data) & 0xFFFFFFFF}
        elif flags & RST and (source, port) in latest:
            since, numbers = latest[source, port]
            category = SESSION if time - since <= WITHIN_US and sequence in numbers else category
        right.append(category)
    ours, undecided = settle(packets, bits, parts)
    missed = [(a, b) for a, b in zip(right, ours, strict=True) if a != b]
    assert all(pair == (SESSION, BACKSCATTER) for pair in missed)
    assert len(missed) <= undecided <= sum(1 for packet in packets if packet[3] & RST)
