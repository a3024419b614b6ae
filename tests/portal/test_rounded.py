"""What a prober makes of rounded figures, and that asking in other words gives him nothing."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ims.portal.rounded import Rounding
from ims.portal.secrecy_settings import SecrecySettings
from tests.portal.prober import HOUR, Prober

DEFAULTS = SecrecySettings()
STEP, THRESHOLD = DEFAULTS.viewer_rounding, DEFAULTS.viewer_threshold
SECRETS = st.binary(min_size=32, max_size=32)


@given(SECRETS, st.integers(0, STEP), st.integers(1, 1000), st.integers(0, 65_535))
def test_alone_on_a_port_no_more_packets_than_a_step_are_ever_seen(
    secret: bytes, packets: int, hours: int, port: int
) -> None:
    """The rare port: without others' packets, nothing is shown until a step an hour of the range came."""
    rounding = Rounding(STEP, THRESHOLD, HOUR, secret)
    assert rounding.shown(packets * hours, 0, hours * HOUR, f"port {port}") is None


@given(SECRETS, st.integers(0, 10**7), st.integers(1, 100))
def test_a_value_is_a_multiple_and_less_than_a_step_off(secret: bytes, value: int, hours: int) -> None:
    rounding = Rounding(STEP, THRESHOLD, HOUR, secret)
    step = STEP * hours
    shown = rounding.shown(value, 0, hours * HOUR, "")
    if value >= max(THRESHOLD, 2 * step):
        assert shown is not None
    if shown is not None:
        assert shown % step == 0
        assert abs(shown - value) < step
        assert shown >= THRESHOLD


@given(SECRETS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_is_never_shown_as_less(secret: bytes, one: int, other: int) -> None:
    rounding = Rounding(STEP, THRESHOLD, HOUR, secret)
    low, high = (rounding.shown(value, 0, HOUR, "") or 0 for value in sorted((one, other)))
    assert low <= high


def test_multiples_begin_elsewhere_in_every_cell() -> None:
    rounding = Rounding(STEP, THRESHOLD, HOUR, bytes(32))
    shown = {rounding.shown(1750, hour * HOUR, (hour + 1) * HOUR, "port 23") for hour in range(50)}
    assert shown == {1500.0, 2000.0}


def test_no_number_is_no_number() -> None:
    rounding = Rounding(STEP, THRESHOLD, HOUR, bytes(32))
    assert rounding.shown(None, 0, HOUR, "") is None
    assert rounding.shown(math.nan, 0, HOUR, "") is None
    assert Rounding(0, 0, HOUR, bytes(32)).shown(3, 0, HOUR, "") == 3


def test_without_rounding_a_handful_of_packets_is_found() -> None:
    """What the defaults are compared with: a quiet port, exact figures."""
    assert Prober(0.5, 1, 0, 0).found(5) > 0.95


def test_with_the_defaults_a_24_takes_hundreds_of_packets_at_best() -> None:
    """The busy port that suits a prober best, every range of up to six hours, a false alarm in a hundred."""
    best = Prober(960, 6, STEP, THRESHOLD)
    assert best.found(50) < 0.25
    assert best.found(100) < 0.45
    assert best.found(600) > 0.95  # nor is more claimed: with a step and some noise he finds it


def test_with_the_defaults_a_quiet_port_takes_more_than_a_step() -> None:
    quiet = Prober(0.5, 6, STEP, THRESHOLD)
    assert quiet.found(450, trials=200) == 0.0
    assert quiet.found(1100, trials=200) > 0.95
