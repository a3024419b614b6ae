"""No more octets a second than were allowed, smoothly, by a clock that the test holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.lake.bandwidth import BURST_SECONDS, Bandwidth


class Clock:
    """Time goes on only where somebody sleeps, or works for a while."""

    def __init__(self):
        self.now, self.longest = 100.0, 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.longest = max(self.longest, seconds)
        self.now += seconds


@given(st.floats(1, 1e9), st.lists(st.tuples(st.integers(0, 1 << 20), st.floats(0, 2)), max_size=30))
def test_no_stretch_of_time_sees_more_than_the_rate_and_a_burst(rate, steps):
    clock = Clock()
    pace = Bandwidth(rate, clock, clock.sleep)
    passed = [(clock.now, 0)]
    for octets, worked in steps:
        pace.take(octets)
        passed.append((clock.now, octets))
        clock.now += worked
    for i, (begin, _) in enumerate(passed):
        octets = 0
        for end, more in passed[i + 1 :]:
            octets += more
            assert octets <= rate * (end - begin + BURST_SECONDS) * (1 + 1e-6) + 1


def test_a_steady_stream_takes_as_long_as_it_must_and_waits_little():
    clock = Clock()
    pace = Bandwidth(1e6, clock, clock.sleep)
    sent = b"".join(pace.of(bytes(pace.chunk) for _ in range(100)))
    assert pace.octets == len(sent) == 100 * 100_000
    assert clock.now - 100 == pytest.approx(10 - BURST_SECONDS)
    assert clock.longest <= 0.1001


def test_without_a_rate_nothing_waits():
    pace = Bandwidth(None, lambda: 0.0, lambda _: pytest.fail("it slept"))
    pace.take(1 << 40)
    assert pace.octets == 1 << 40


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_of_nothing_is_refused(rate):
    with pytest.raises(ValueError, match="expected more than 0 octets a second"):
        Bandwidth(rate)
