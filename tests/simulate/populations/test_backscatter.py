"""Backscatter reaches a darknet with the probability of its size, and says what victims say."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ..captures import ACK, HOUR_NS, ICMP, RST, SYN, TCP, number, simulated
from ..laws import ALPHA, chi_square, kolmogorov, uniform, within
from ..pcap_by_hand import internet_sum

BLOCKS = [{"name": "A/16", "prefix": "198.18.0.0/16"}, {"name": "B/20", "prefix": "172.16.0.0/20"},
          {"name": "C/24", "prefix": "198.51.100.0/24"}]  # fmt: skip
RATE, HOURS = 400_000, 2


@pytest.fixture(scope="module")
def flood():
    attack = {"name": "a", "victim": "192.0.2.80", "port": 6667, "rate": RATE, "since": "+1h", "duration": f"{HOURS}h",
              "answers": {"syn-ack": 0.5, "reset": 0.3, "unreachable": 0.2}, "persona": "linux"}  # fmt: skip
    return simulated(block=BLOCKS, duration="4h", attack=[attack])


def test_each_darknet_sees_its_share(flood):
    """Poisson: 44,000, 2,700 and 172 packets, each within four standard deviations."""
    capture, truth = flood
    for prefix, bits, name in (("198.18.0.0", 16, "A/16"), ("172.16.0.0", 12, "B/20"), ("198.51.100.0", 8, "C/24")):
        found = (capture.destination >> bits == number(prefix) >> bits).sum()
        assert within(found, RATE * HOURS * 3600 * 2.0 ** (bits - 32)), name
        assert truth["events"][0]["blocks"][name]["packets"] == found


def test_answers_come_in_their_shares(flood):
    """Chi-square over some 47,000 answers."""
    capture, _ = flood
    kinds = [capture.flags == SYN | ACK, capture.flags == RST | ACK, capture.protocol == ICMP]
    found = [int(kind.sum()) for kind in kinds]
    assert sum(found) == len(capture)
    assert chi_square(found, [5, 3, 2]) > ALPHA


def test_times_are_uniform_in_the_attack_and_addresses_in_the_block(flood):
    capture, _ = flood
    hours = capture.hour
    assert hours.min() >= 1
    assert hours.max() < 3
    assert kolmogorov(hours, uniform(1, 3)) > ALPHA
    a16 = capture.destination[capture.destination >> 16 == number("198.18.0.0") >> 16] & 0xFFFF
    assert chi_square(np.bincount(a16 >> 8, minlength=256), np.ones(256)) > ALPHA


def test_answers_are_the_victim_s(flood):
    capture, truth = flood
    assert set(capture.source.tolist()) == {number("192.0.2.80")}
    tcp = capture.protocol == TCP
    assert set(capture.source_port[tcp].tolist()) == {6667}
    assert truth["events"][0]["addresses"] == ["192.0.2.80"]
    assert not truth["events"][0]["spoofed"]
    syn_ack = np.flatnonzero(capture.flags == SYN | ACK)
    assert {capture.options(index)[:6].hex() for index in syn_ack[:100]} == {"020405b40402"}


def test_errors_quote_the_packet_that_never_was(flood):
    """The IP header and 8 octets of a SYN from our address to the victim, with a right checksum (RFC 792)."""
    capture, _ = flood
    for index in np.flatnonzero(capture.protocol == ICMP)[:500].tolist():
        quote = capture.payload(index)
        assert (capture.type[index], len(quote)) == (3, 28)
        assert internet_sum(quote[:20]) == 0xFFFF
        source, destination = struct.unpack_from("!II", quote, 12)
        assert source == capture.destination[index]
        assert destination == capture.source[index]
        assert (quote[9], quote[0]) == (6, 0x45)
        assert struct.unpack_from("!H", quote, 22)[0] == 6667
        assert quote[8] < 64


def test_syn_acks_are_repeated_as_often_as_set():
    """Each again 3 s later and 6 s after that, as long as nobody acknowledges it."""
    attack = {"name": "a", "rate": 20_000, "repeats": 2, "duration": "1h", "answers": {"syn-ack": 1}}
    capture, _ = simulated(block=BLOCKS, duration="2h", attack=[attack])
    key = capture.sequence << 16 | capture.destination_port
    _, counts = np.unique(key, return_counts=True)
    assert set(counts.tolist()) == {3}
    order = np.lexsort((capture.time, key))
    gaps = np.diff(capture.time[order].reshape(-1, 3)) / 1e9
    assert ((gaps[:, 0] >= 3) & (gaps[:, 0] < 3.01)).all()
    assert ((gaps[:, 1] >= 6) & (gaps[:, 1] < 6.01)).all()


def test_many_attacks_have_a_victim_and_a_time_each():
    attack = {"name": "a", "count": 200, "rate": 30_000, "duration": "20m"}
    capture, truth = simulated(block=BLOCKS, attack=[attack])
    parameters = truth["events"][0]["parameters"]
    victims = np.unique(capture.source)
    assert sorted(number(victim) for victim in parameters["victims"]) == victims.tolist()
    assert len(victims) == 200
    begins = [capture.time[capture.source == victim].min() for victim in victims]
    lasts = [np.ptp(capture.time[capture.source == victim]) / HOUR_NS for victim in victims]
    assert kolmogorov((np.array(begins) - capture.time[0]) / HOUR_NS, uniform(0, 24 - 1 / 3)) > ALPHA
    assert max(lasts) <= 1 / 3
