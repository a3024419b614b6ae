"""Worms choose their targets by the law of the literature.

A block of 32,768 addresses in 24.1.0.0/16, and hosts nearly everywhere: so many live in the block's /16 and /8 as
there are addresses that anybody may have, and the expected shares of the three kinds of source follow by hand.
"""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest

from ims.simulate.scenario.worms import WORMS

from ..captures import SYN, TCP, UDP, Capture, number, simulated
from ..laws import ALPHA, chi_square, kolmogorov, uniform

DARK, SIZE = "24.1.0.0/17", 1 << 15
# RFC 6890, and whole /16s around the small ones.
UNUSED = ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
          "192.0.0.0/16", "192.88.0.0/16", "192.168.0.0/16", "198.18.0.0/15", "198.51.0.0/16", "203.0.0.0/16",
          "224.0.0.0/3")  # fmt: skip
LIVING = (1 << 32) - sum(ipaddress.IPv4Network(prefix).num_addresses for prefix in UNUSED) - SIZE
HOSTS = 3_600_000_000


def spread(like: str, **keys: object) -> Capture:
    worm = {"name": like, "like": like, "hosts": 3_000_000_000, "runs_per_hour": 1 / 24, "run_length": 1} | keys
    return simulated(block=[{"name": "B/17", "prefix": DARK}], scale=1.2, worm=[worm])[0]


@pytest.fixture(scope="module")
def seen() -> dict[str, Capture]:
    return {like: spread(like) for like in WORMS}


def kinds(sources: np.ndarray) -> list[int]:
    """Sources of the block's own /16, of the rest of its /8, of elsewhere."""
    own = sources >> 16 == number("24.1.0.0") >> 16
    near = (sources >> 24 == 24) & ~own
    return [int(own.sum()), int(near.sum()), int((~own & ~near).sum())]


def expected(anywhere: float, in_8: float, in_16: float) -> list[float]:
    """Runs that begin in the block, by where they come from, one run a host."""
    share = HOSTS / LIVING
    hosts = [share * ((1 << 16) - SIZE), share * ((1 << 24) - (1 << 16)), share * (LIVING - (1 << 24) + SIZE)]
    reach = SIZE / (1 << 32), SIZE / (1 << 24), SIZE / (1 << 16)
    chances = [
        anywhere * reach[0] + in_8 * reach[1] + in_16 * reach[2],
        anywhere * reach[0] + in_8 * reach[1],
        anywhere * reach[0],
    ]
    return [host * chance for host, chance in zip(hosts, chances, strict=True)]


LAWS = {
    "blaster": (0.6, 0.0, 0.4),
    "code-red-ii": (1 / 8, 4 / 8, 3 / 8),
    "nimda": (1 / 4, 1 / 4, 1 / 2),
    "sasser": (1 / 2, 1 / 4, 1 / 4),
    "slammer": (1.0, 0.0, 0.0),
    "witty": (1.0, 0.0, 0.0),
}
FIRST_PORT = {"blaster": 135, "code-red-ii": 80, "nimda": 80, "sasser": 445, "slammer": 1434, "witty": None}


@pytest.mark.parametrize("like", LAWS)
def test_targets_are_chosen_by_the_law(seen, like):
    """Chi-square, two degrees of freedom, on some 25,000 attempts: a share wrong by 0.02 would be found with a power
    above 0.99 at alpha = 0.001."""
    capture = seen[like]
    port = FIRST_PORT[like]
    attempts = (capture.syn if like not in ("slammer", "witty") else capture.protocol == UDP) & (
        (capture.destination_port == port) | (port is None)
    )
    wanted = expected(*LAWS[like])
    found = kinds(capture.source[attempts])
    assert abs(sum(found) - sum(wanted)) < 4 * sum(wanted) ** 0.5
    if min(wanted) < 5:  # uniform: nobody prefers the own /16
        assert found[0] <= 5
        assert chi_square(found[1:], wanted[1:]) > ALPHA
    else:
        assert chi_square(found, wanted) > ALPHA


def test_the_test_has_power(seen):
    found = kinds(seen["blaster"].source[seen["blaster"].syn & (seen["blaster"].destination_port == 135)])
    assert chi_square(np.array(found)[[0, 2]], np.array(expected(0.62, 0.0, 0.38))[[0, 2]]) < ALPHA


@pytest.mark.parametrize("like", LAWS)
def test_every_address_of_the_block_is_hit_alike(seen, like):
    """Chi-square over 64 parts of the block: a part with 10 % too many would be found with a power above 0.9."""
    capture = seen[like]
    place = (capture.destination - number("24.1.0.0"))[capture.syn | (capture.protocol == UDP)]
    assert place.min() >= 0
    assert place.max() < SIZE
    _, first = np.unique(capture.source[capture.syn | (capture.protocol == UDP)] << 32 | place, return_index=True)
    assert chi_square(np.bincount(place[first] * 64 // SIZE, minlength=64), np.ones(64)) > ALPHA


def test_slammer_is_one_packet_of_376_octets(seen):
    capture = seen["slammer"]
    assert (capture.protocol == UDP).all()
    assert (capture.speaks == 376).all()
    assert len(set(capture.payloads(capture.speaks > 0))) == 1


def test_witty_is_one_packet_of_any_length_from_4000_to_any_port(seen):
    """Kolmogorov-Smirnov on some 27,000 ports and lengths."""
    capture = seen["witty"]
    assert (capture.protocol == UDP).all()
    assert (capture.source_port == 4000).all()
    assert (capture.speaks.min(), capture.speaks.max()) == (768, 1279)
    assert kolmogorov(capture.destination_port + np.random.default_rng(1).random(len(capture)), uniform(1, 65536)) > (
        ALPHA
    )
    assert kolmogorov(capture.speaks + np.random.default_rng(2).random(len(capture)), uniform(768, 1280)) > ALPHA
    payloads = capture.payloads(capture.speaks > 0)
    assert len({payload[:637] for payload in payloads}) == 1
    assert len(set(payloads)) == len(payloads)


def test_blaster_binds_requests_and_commands_on_4444():
    """Figure 4 (b) of the paper: the exploit on 135 without waiting, then the command on 4444."""
    capture = spread("blaster", hosts=100_000, targets={"any": 1}, runs_per_hour=100)
    by_source: dict[int, list[tuple[int, int, int]]] = {}
    for index in range(len(capture)):
        packet = (capture.destination_port[index], capture.flags[index], capture.speaks[index])
        by_source.setdefault(int(capture.source[index]), []).append(tuple(map(int, packet)))
    whole = [packets for packets in by_source.values() if len(packets) == 8]
    assert len(whole) > 1000
    for packets in whole:
        assert packets == [(135, SYN, 0), (135, 16, 0), (135, 24, 72), (135, 24, 1460), (135, 24, 244), (4444, SYN, 0),
                           (4444, 16, 0), (4444, 24, 42)]  # fmt: skip


def test_blaster_goes_on_from_address_to_address():
    """Runs of twenty addresses, each a gap of 45 to 135 ms after the one before, uniform: Kolmogorov-Smirnov on some
    20,000 gaps."""
    worm = {"name": "b", "like": "blaster", "hosts": 1_000_000, "targets": {"any": 1}, "runs_per_hour": 6}
    block = [{"name": "B/17", "prefix": DARK, "answers": False}]
    capture, truth = simulated(block=block, worm=[worm])
    assert (capture.protocol == TCP).all()
    assert len(capture) == truth["packets"] > 10_000
    order = np.lexsort((capture.time, capture.source))
    source, time, place = capture.source[order], capture.time[order], capture.destination[order]
    same = (source[1:] == source[:-1]) & (np.diff(time) < 10**9)
    assert (np.diff(place)[same] == 1).all()
    assert kolmogorov(np.diff(time)[same] / 1e6, uniform(45, 135)) > ALPHA
    lengths = np.diff(np.flatnonzero(np.concatenate([[True], ~same, [True]])))
    inside = np.bincount(lengths, minlength=21)
    assert inside.argmax() == 20
    assert inside.size == 21
    # Of the runs that touch the block, 38 in 32,787 begin before it or end after it.
    assert inside[20] / inside.sum() > 0.99
