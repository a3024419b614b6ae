"""Cookies: only ours pass, for as long as they should, and they tell how far a connection has come."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.respond.cookie import (
    CLOCK_SECONDS,
    CLOSED,
    COARSE_BITS,
    CONTINUES,
    SHIFT,
    STEPS,
    STEPS_A_KEY,
    WINDOW,
    Clock,
    acknowledged,
    cookie,
    sent,
    shift_for,
)

SECRET = bytes(range(32))
address = st.integers(0, 2**32 - 1).map(np.int64)
numbers = st.tuples(address, address, address, address)


def clock(seconds: float = 1e6, secret: bytes = SECRET, limit: int = 65_536) -> Clock:
    made = Clock(secret, limit)
    made.tick(seconds)
    return made


@given(numbers)
def test_a_cookie_is_acknowledged_by_one_more_and_by_two_more_after_our_fin(quad):
    cookies = clock().cookies
    own = cookie(*quad, cookies)
    assert 0 <= own < 2**32
    source, destination, ports, _ = quad
    assert acknowledged(source, destination, ports, (own + 1) & 0xFFFFFFFF, cookies) == CONTINUES
    assert acknowledged(source, destination, ports, (own + 2) & 0xFFFFFFFF, cookies) == CLOSED
    for off in (0, 3, 0x80000000):
        assert acknowledged(source, destination, ports, (own + off) & 0xFFFFFFFF, cookies) == 0


@given(numbers, st.integers(0, 2), st.integers(0, 31))
def test_another_address_or_port_is_not_acknowledged(quad, which, bit):
    cookies = clock().cookies
    own = cookie(*quad, cookies)
    other = list(quad)
    other[which] = np.int64(int(other[which]) ^ 1 << bit)
    assert acknowledged(other[0], other[1], other[2], (own + 1) & 0xFFFFFFFF, cookies) == 0


@numba.njit
def passing(tries, cookies):
    found, number = 0, np.uint64(88172645463325252)
    for _ in range(tries):
        number ^= number << np.uint64(13)
        number ^= number >> np.uint64(7)
        number ^= number << np.uint64(17)
        if acknowledged(np.int64(1), np.int64(2), np.int64(3), np.int64(number & np.uint64(0xFFFFFFFF)), cookies):
            found += 1
    return found


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="too slow in plain Python")
def test_random_acknowledgments_pass_as_seldom_as_said():
    found = passing(1 << 26, clock().cookies)
    assert 4 <= found <= 36  # 16 expected, of 67 million: Poisson's 99.99 %


def test_cookies_hold_from_one_step_to_the_end_of_the_next_and_no_longer():
    made = clock(10 * CLOCK_SECONDS)
    own = cookie(np.int64(1), np.int64(2), np.int64(3), np.int64(4), made.cookies)
    for seconds, holds in ((10.99, True), (11, True), (11.99, True), (12, False), (12.99, False), (74, False)):
        made.tick(seconds * CLOCK_SECONDS)
        found = acknowledged(np.int64(1), np.int64(2), np.int64(3), own + 1, made.cookies)
        assert found == (CONTINUES if holds else 0), seconds


def test_a_change_of_keys_breaks_no_handshake():
    edge = STEPS_A_KEY * 7 * CLOCK_SECONDS
    made = clock(edge - 1)
    before = made.cookies[:STEPS].copy()
    own = cookie(np.int64(1), np.int64(2), np.int64(3), np.int64(4), made.cookies)
    made.tick(edge + 1)
    assert (made.cookies[:STEPS] != before).any()
    assert acknowledged(np.int64(1), np.int64(2), np.int64(3), own + 1, made.cookies) == CONTINUES


def test_workers_of_one_sensor_agree_and_those_of_another_do_not():
    own = cookie(np.int64(1), np.int64(2), np.int64(3), np.int64(4), clock().cookies)
    assert acknowledged(np.int64(1), np.int64(2), np.int64(3), own + 1, clock().cookies) == CONTINUES
    others = clock(secret=bytes(32)).cookies
    assert acknowledged(np.int64(1), np.int64(2), np.int64(3), own + 1, others) == 0


@given(numbers, st.sampled_from([1, 4096, 65_536, 1 << 20, 1 << 24]), st.data())
def test_what_was_sent_is_told_to_within_a_step(quad, limit, data):
    cookies = clock(limit=limit).cookies
    own = cookie(*quad, cookies)
    shift = int(cookies[SHIFT])
    progress = data.draw(st.integers(0, limit + 2 * (WINDOW + 1)))
    sequence = np.int64((int(quad[3]) + progress) & 0xFFFFFFFF)
    found = sent(sequence, np.int64((own + 1) & 0xFFFFFFFF), np.int64(CONTINUES), cookies)
    assert progress <= found < progress + (1 << shift)


@pytest.mark.parametrize("limit", [0, 1, 65_536, 1 << 20, 1 << 24])
def test_the_coarse_number_is_never_ambiguous_and_no_coarser_than_it_must_be(limit):
    shift = shift_for(limit)
    room = limit + 3 * (WINDOW + 1)
    assert 1 << (shift + COARSE_BITS) >= room + (1 << shift)
    assert shift == 8 or 1 << (shift - 1 + COARSE_BITS) < room + (1 << (shift - 1))
