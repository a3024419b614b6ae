"""Growth, decline and hours: the times at which a population's packets come are those of its law."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ..captures import UDP, simulated
from ..laws import ALPHA, chi_square, kolmogorov

ONE_DATAGRAM = [{"port": "udp/1434", "says": ["slammer"]}]
LIMIT, INITIAL, DOUBLING = 1_000_000, 1_000, 2.3
GROWTH = math.log(2) / DOUBLING


def hours_of(worm, **tables):
    capture, _ = simulated(worm=[{"name": "w", "service": ONE_DATAGRAM} | worm], **tables)
    assert (capture.protocol == UDP).all()
    return capture, capture.hour


@pytest.fixture(scope="module")
def growing():
    """Hours of some 140,000 packets of a worm that grows from the second hour on."""
    worm = {"initial": INITIAL, "limit": LIMIT, "doubling": f"{DOUBLING}h", "since": "+1h", "runs_per_hour": 150_000}
    return hours_of(worm, duration="40h")[1] - 1


def test_growth_is_logistic(growing):
    """Kolmogorov-Smirnov on the times: a doubling time wrong by 2 % would be found with a power above 0.99."""

    def so_far(growth):
        def whole(t):  # the integral of N(t) from the outbreak on
            fraction = LIMIT / INITIAL - 1
            return LIMIT / growth * np.log((np.exp(growth * t) + fraction) / (1 + fraction))

        return lambda t: whole(t) / whole(39.0)

    assert growing.min() > 0
    assert growing.size > 100_000
    assert kolmogorov(growing, so_far(GROWTH)) > ALPHA
    assert kolmogorov(growing, so_far(GROWTH * 1.02)) < ALPHA


def test_hosts_double_in_the_set_time_at_first(growing):
    """While fewer than a twentieth are infected, the growth is exponential: the maximum of the likelihood gives the
    rate, whose standard error is below 4 %."""
    early = growing[growing < 12.0]
    assert early.size > 900

    def score(rate):  # of an exponentially growing rate over [0, 12]
        return early.mean() - (12 * math.exp(12 * rate) / (math.exp(12 * rate) - 1) - 1 / rate)

    low, high = 0.05, 1.5
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > 0 else (low, middle)
    spread = 1 / low**2 - 144 * math.exp(12 * low) / (math.exp(12 * low) - 1) ** 2
    error = 1 / math.sqrt(early.size * spread) / low
    assert error < 0.04
    # The law itself is a little slower than its first rate by then: by 2 % on average, weighted like the sample.
    assert abs(math.log(2) / low - DOUBLING) < DOUBLING * (3 * error + 0.03)


def test_cleaning_halves_the_hosts_in_the_set_time():
    """Kolmogorov-Smirnov on some 30,000 times after the decline."""
    worm = {"initial": 199_000, "limit": 200_000, "doubling": "1h", "decline": "+10h", "half_life": "10.4h",
            "runs_per_hour": 200_000}  # fmt: skip
    _, hours = hours_of(worm, duration="62h")
    after = hours[hours > 10] - 10

    def left(half_life):
        rate = math.log(2) / half_life
        return lambda t: (1 - np.exp(-rate * t)) / (1 - math.exp(-rate * 52))

    assert after.size > 20_000
    assert kolmogorov(after, left(10.4)) > ALPHA
    assert kolmogorov(after, left(10.9)) < ALPHA


def test_a_rest_is_never_cleaned():
    worm = {"initial": 99_900, "limit": 100_000, "doubling": "1h", "decline": "+10h", "half_life": "4h", "rest": 0.1,
            "runs_per_hour": 1_000_000}  # fmt: skip
    _, hours = hours_of(worm, duration="90h")
    before, late = (hours < 10).sum() / 10, (hours > 60).sum() / 30
    left = 0.1 + 0.9 * 0.5 ** (65 / 4)
    assert late / before == pytest.approx(left, rel=0.06)  # some 10,000 packets late: 1 % by chance, hosts 1 %


def profile(zone: int, mean: float, always: float):
    """Share of hosts that are on, by UTC hour: on at ten in the morning, four hours earlier or later (triangular), for
    half to one and a half times the mean (uniform). Integrated over a grid."""
    begin = 10 + 4 * (np.add.outer((np.arange(60) + 0.5) / 60, (np.arange(60) + 0.5) / 60).ravel() - 1)
    span = mean * (0.5 + (np.arange(60) + 0.5) / 60)
    at = np.arange(0, 24, 0.1) + 0.05
    on = np.array([((((hour + zone - begin) % 24)[:, None]) < span[None, :]).mean() for hour in at])
    return always + (1 - always) * on.reshape(24, 10).mean(axis=1)


@pytest.mark.parametrize("zone", [9, -5])
def test_hosts_are_on_by_day_in_their_time_zone(zone):
    """Chi-square over the 24 hours on some 25,000 packets, and an hour's shift is found. Hosts keep their hours, so
    there are many more of them than packets."""
    worm = {"hosts": 20_000_000, "hours": "all", "always_on": 0.2, "hours_a_day": 9, "zones": {f"{zone:+d}": 1},
            "runs_per_hour": 1_000}  # fmt: skip
    _, hours = hours_of(worm, duration="2d", scale=1.0)
    found = np.bincount(hours.astype(int) % 24, minlength=24)
    assert found.sum() > 20_000
    assert chi_square(found, profile(zone, 9, 0.2)) > ALPHA
    assert chi_square(found, profile(zone + 1, 9, 0.2)) < ALPHA


def test_zones_have_their_weights_and_a_network_has_one_zone():
    """Sources of a /8 are all awake in the same half of the day: that of UTC+9 or of UTC-3, twelve hours apart. Some 200
    /8s of which three in four are in one zone: a binomial interval of four standard deviations."""
    worm = {"hosts": 3_000_000, "hours": "all", "always_on": 0.0, "hours_a_day": 6, "zones": {"+9": 3, "-3": 1},
            "runs_per_hour": 30_000}  # fmt: skip
    capture, hours = hours_of(worm, duration="1d")
    east = (hours % 24 + 9) % 24  # local time in UTC+9
    morning = (east > 6) & (east < 18)
    networks = np.unique(capture.source >> 24)
    shares = np.array([morning[capture.source >> 24 == network].mean() for network in networks])
    sizes = np.array([(capture.source >> 24 == network).sum() for network in networks])
    clear = shares[sizes >= 30]
    assert clear.size > 150
    assert ((clear < 0.35) | (clear > 0.65)).all()
    assert abs((clear > 0.5).mean() - 0.75) < 4 * math.sqrt(0.75 * 0.25 / clear.size)


def test_only_the_rest_keeps_hours_if_so_written():
    worm = {"initial": 1_990_000, "limit": 2_000_000, "doubling": "1h", "decline": "+1d", "half_life": "2h",
            "rest": 0.3, "hours": "rest", "always_on": 0.0, "hours_a_day": 6, "zones": {"+0": 1},
            "runs_per_hour": 10_000}  # fmt: skip
    _, hours = hours_of(worm, duration="4d")
    first, last = np.bincount(hours.astype(int), minlength=96)[:24], np.bincount(hours.astype(int), minlength=96)[72:]
    assert chi_square(first[4:], np.ones(20)) > ALPHA
    assert last[:4].sum() < last[12:16].sum() / 20


def test_gaps_between_packets_are_exponential():
    """Kolmogorov-Smirnov on some 20,000 gaps of a steady population: a Poisson process."""
    _, hours = hours_of({"hosts": 1_000_000, "runs_per_hour": 15_000})
    gaps = np.diff(hours)
    mean = 24 / hours.size
    assert gaps.size > 15_000
    assert kolmogorov(gaps, lambda x: 1 - np.exp(-x / mean)) > ALPHA


@pytest.mark.parametrize("apart", ["1h", "6h"])
def test_a_host_keeps_to_one_service_for_its_period(apart):
    services = [{"port": "udp/2745"}, {"port": "udp/3127"}]
    worm = {"hosts": 3_000, "runs_per_hour": 8_000_000, "apart": apart, "service": services}
    capture, hours = hours_of(worm, duration="1d")
    period = (hours // float(apart[:-1])).astype(np.int64)
    turn = np.stack([capture.source, period, capture.destination_port], 1)
    distinct = np.unique(turn, axis=0)
    assert len(np.unique(distinct[:, :2], axis=0)) == len(distinct) > 10_000
    assert 0.47 < (distinct[:, 2] == 2745).mean() < 0.53
