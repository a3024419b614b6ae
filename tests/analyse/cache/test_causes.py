"""What most payloads of a cause begin with."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.cache.causes import MOST, SHOWN_OCTETS, common_begin
from ims.text import printable_octets


def test_what_four_of_five_begin_with_is_said_and_hostile_octets_are_dots() -> None:
    assert common_begin([b"\x1b[31mlogin %d" % number for number in range(9)]) == ".[31mlogin "
    assert common_begin([b"GET /a", b"GET /b", b"GET /c", b"GET /d", b"SSH-2.0"]) == "GET /"
    assert common_begin([b"GET /a", b"GET /b", b"GET /c", b"x", b"y"]) == ""
    assert common_begin([]) is None


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=12))
def test_it_is_the_longest_begin_that_enough_of_them_share(payloads: list[bytes]) -> None:
    begins = {each[:length] for each in payloads for length in range(1, SHOWN_OCTETS + 1) if len(each) >= length}
    shared = [b for b in begins if sum(each.startswith(b) for each in payloads) >= MOST * len(payloads)]
    longest = max(map(len, shared), default=0)
    found = common_begin(payloads)
    assert found in {printable_octets(each) for each in shared if len(each) == longest} | (
        {""} if not longest else set()
    )
