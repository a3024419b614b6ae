"""What acknowledgment numbers tell of our own sequence numbers."""

from __future__ import annotations

from collections import UserList
from typing import Any

import pytest

from ims.analyse.exchange.acknowledgments import MOST_SYNS, VALID_US, acknowledgments_of
from ims.respond.cookie import CLOSED, CONTINUES, shift_for

from ..exchanges import ACK, RST, SYN, packet

LIMIT = 65_536
COARSE = 1000 >> shift_for(LIMIT) & 0xFF
COOKIE = 0x5A5A5A00 | COARSE


def acknowledging(above: int, at: float, cookie: int = COOKIE, **columns: object) -> object:
    number = (cookie + above) & 0xFFFFFFFF
    return packet(ACK, at, tcp_acknowledgment=number, **{"verified": True, "tcp_sequence": 1001, **columns})


@pytest.mark.parametrize("cookie", [COOKIE, 0xFFFFFF00 | COARSE])
def test_before_and_after_our_fin_are_told_apart_by_the_syn(cookie: int) -> None:
    for order in ((CONTINUES, CLOSED), (CLOSED, CONTINUES), (CLOSED,)):
        packets = [packet(SYN), *(acknowledging(above, at, cookie) for at, above in enumerate(order, 1))]
        found = acknowledgments_of(packets, [LIMIT] * len(packets))
        assert found.above == [0, *order]
        assert (found.own[0], found.received[0], found.acknowledged) == (cookie, True, [True] * len(packets))


def test_without_a_syn_the_first_number_is_taken_for_that_of_a_syn_ack() -> None:
    packets = [acknowledging(CONTINUES, 1), acknowledging(CLOSED, 2)]
    assert acknowledgments_of(packets, [LIMIT, LIMIT]).above == [CONTINUES, CLOSED]


def test_a_connection_is_that_of_its_ports_addresses_and_sensor() -> None:
    ack = acknowledging(CONTINUES, 1)
    for name, value in (("source_port", 7), ("destination_port", 7), ("destination", "198.51.100.8"), ("sensor", "b")):
        found = acknowledgments_of([packet(SYN, **{name: value}), ack], [LIMIT, LIMIT])
        assert (found.own[0], found.received[0], found.acknowledged) == (None, False, [False, True])


def test_a_new_connection_of_the_same_ports_has_its_own_cookie() -> None:
    other = 0x11111100 | (9_000_000 >> shift_for(LIMIT) & 0xFF)
    packets = [
        packet(SYN), acknowledging(CONTINUES, 1),
        packet(SYN, 2, tcp_sequence=9_000_000), acknowledging(CONTINUES, 3, other, tcp_sequence=9_000_001),
    ]  # fmt: skip
    found = acknowledgments_of(packets, [LIMIT] * 4)
    assert (found.own[0], found.own[2], found.received[0], found.received[2]) == (COOKIE, other, True, True)


def test_numbers_that_are_not_verified_tell_nothing() -> None:
    found = acknowledgments_of([packet(SYN), acknowledging(CONTINUES, 1, verified=False)], [LIMIT, LIMIT])
    assert (found.above, found.own[0], found.acknowledged) == ([0, 0], None, [False, False])


def test_without_a_responder_s_record_only_what_follows_a_syn_is_of_a_connection() -> None:
    syn = packet(SYN, verified=None)
    near = acknowledging(CONTINUES, 1, verified=None)
    far = acknowledging(CONTINUES, 1, verified=None, tcp_sequence=1_000_000_000)
    assert acknowledgments_of([syn, near], [LIMIT] * 2).acknowledged == [True, True]
    assert acknowledgments_of([syn, far], [LIMIT] * 2).acknowledged == [False, False]
    assert acknowledgments_of([near], [LIMIT]).acknowledged == [False]
    reset = near._replace(tcp_flags=ACK | RST)
    assert acknowledgments_of([syn, reset], [LIMIT] * 2).acknowledged == [False, False]


def test_of_two_syns_that_have_one_cookie_neither_is_certain() -> None:
    """Their numbers differ by less than a cookie tells: the SYN-ACK to either is acknowledged with the same number."""
    packets = [packet(SYN), packet(SYN, 1, tcp_sequence=1100), acknowledging(CONTINUES, 2)]
    found = acknowledgments_of(packets, [LIMIT] * 3)
    assert (found.received, found.acknowledged) == ([False] * 3, [True] * 3)


def test_behind_more_syns_than_are_looked_at_none_is_certain() -> None:
    """Another SYN with this cookie may be one of those before."""
    later = VALID_US / 1e6 + 1
    for gap, is_certain in ((0.1, False), (later, True)):
        others = [packet(SYN, tcp_sequence=1 << 31) for _ in range(MOST_SYNS)]
        packets = [*others, packet(SYN, gap), acknowledging(CONTINUES, gap + 0.1)]
        assert acknowledgments_of(packets, [LIMIT] * len(packets)).received[MOST_SYNS] == is_certain
        assert acknowledgments_of(packets[-2:], [LIMIT] * 2).received[0], "alone"


def test_a_flood_of_syns_and_acknowledgments_between_two_ports_is_read_once() -> None:
    """The work grows with their number, not with its square: each packet is looked at a bounded number of times."""
    looked = []

    class Counted(UserList[Any]):
        def __getitem__(self, place: Any) -> Any:
            looked.append(1)
            return super().__getitem__(place)

    for verified in (True, None):
        looked.clear()
        count = 1000
        numbers = [n * 70_001_000 & 0xFFFFFFFF for n in range(count)]
        flood = Counted(packet(SYN, tcp_sequence=each, verified=verified and False) for each in numbers)
        flood += [
            packet(ACK, 9, tcp_sequence=each + 1 & 0xFFFFFFFF, tcp_acknowledgment=each * 513, verified=verified)
            for each in numbers
        ]
        acknowledgments_of(flood, [LIMIT] * len(flood))
        assert 0 < len(looked) < 8 * MOST_SYNS * len(flood)


def test_without_a_responder_s_record_a_later_connection_of_the_same_ports_is_not_taken_for_accepted() -> None:
    """As where a host answered one day and is off the next."""
    day = 86_400
    packets = [
        packet(SYN, verified=None), acknowledging(CONTINUES, 1, verified=None),
        packet(SYN, day, tcp_sequence=9_000_000, verified=None),
    ]  # fmt: skip
    assert acknowledgments_of(packets, [LIMIT] * 3).acknowledged == [True, True, False]
