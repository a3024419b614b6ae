"""Times that come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.exchange.echoed_times import echoed_time, with_times_sent_back

from ..exchanges import ACK, SYN, packet


@pytest.mark.parametrize(
    ("options", "time"),
    [("0101080a0000000800000007", 7), ("020405b40402080a000000070000000001030307", 0), ("080a00000001ffffffff", 2**32 - 1),
     ("00080a0000000100000002", 0), ("0809000000010000000200", 0), ("", 0), ("01", 0), ("0800", 0)],
)  # fmt: skip
def test_the_time_is_that_of_the_option(options: str, time: int) -> None:
    assert echoed_time(bytes.fromhex(options)) == time


@given(st.binary(max_size=40))
def test_no_octets_are_an_error(octets: bytes) -> None:
    assert 0 <= echoed_time(octets) < 2**32


def echoing(time: int, at: float, **words: object) -> object:
    return packet(ACK, at, tcp_options=f"0101080a00000000{time:08x}", verified=True, **words)


def test_a_clock_that_begins_again_goes_on_and_an_older_time_tells_nothing() -> None:
    sent = [packet(SYN), *(echoing(time, at) for at, time in enumerate((2**32 - 1, 3, 2, 3, 9), 1))]
    assert with_times_sent_back(sent, [True] * 6) == [True, True, False, False, False, False]


def test_connections_are_told_apart_and_what_has_no_cookie_of_ours_tells_nothing() -> None:
    other = echoing(9, 2, source_port=7)
    forged = echoing(9, 3)._replace(verified=False)  # type: ignore[attr-defined]
    sent = [packet(SYN), echoing(1, 1), other, forged, echoing(1, 4)]
    assert with_times_sent_back(sent, [True, True, False, False, False]) == [True, False, False, False, False]  # type: ignore[arg-type]
