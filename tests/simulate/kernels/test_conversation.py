"""What a source says, as often as it is set; and that a source is always the same host."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..captures import ACK, BLOCK, ICMP, SYN, TCP, UDP, simulated
from ..laws import ALPHA, chi_square

MANY = {"hosts": 200_000, "runs_per_hour": 40_000}
"""Some 11,000 conversations a day on a /24."""


def said(service, block=BLOCK, **keys):
    worm = {"name": "w", "service": [service] if isinstance(service, dict) else service} | MANY | keys
    return simulated(worm=[worm], block=[block])[0]


def test_what_may_come_instead_comes_less_often():
    """Chi-square on weights of 1, 1/2 and 1/3, in those six of ten connections in which anything is said."""
    says = {"port": "tcp/1", "says": ["text:a"], "or_says": ["text:bb", "text:ccc"], "speaks": 0.6}
    capture = said(says)
    found = Counter(capture.payloads(capture.speaks > 0))
    begun = capture.syn.sum()
    counts = [found[b"a"], found[b"bb"], found[b"ccc"], begun - sum(found.values())]
    assert chi_square(counts, [0.6 * 6 / 11, 0.6 * 3 / 11, 0.6 * 2 / 11, 0.4]) > ALPHA


def test_services_come_by_their_weight():
    capture = said([{"port": "udp/1", "weight": 5}, {"port": "udp/2", "weight": 2}, {"port": "icmp"}])
    counts = [(capture.destination_port == 1).sum(), (capture.destination_port == 2).sum(),
              (capture.protocol == ICMP).sum()]  # fmt: skip
    assert chi_square(counts, [5, 2, 1]) > ALPHA
    assert set(capture.type[capture.protocol == ICMP].tolist()) == {8}


def test_some_messages_are_like_no_other():
    capture = said({"port": "tcp/1", "says": ["text:always"], "fresh": 0.3, "fresh_octets": "40-50",
                    "fresh_after": "text:head:"})  # fmt: skip
    found = Counter(capture.payloads(capture.speaks > 0))
    total = sum(found.values())
    assert chi_square([found[b"always"], total - found[b"always"]], [0.7, 0.3]) > ALPHA
    others = [payload for payload in found if payload != b"always"]
    assert len(others) == total - found[b"always"]
    assert all(payload.startswith(b"head:") for payload in others)
    lengths = np.bincount([len(payload) for payload in others], minlength=51)[40:]
    assert chi_square(lengths, np.ones(11)) > ALPHA


def test_a_handshake_is_a_syn_its_ack_and_what_is_said():
    """Sequence and acknowledgment numbers go on as a stack's would."""
    capture = said({"port": "tcp/1", "says": ["made:x:3000"]}, hosts=20_000)
    key = np.stack([capture.source, capture.destination, capture.source_port])
    order = np.lexsort((capture.time, *key))
    flows, counts = np.unique(key[:, order], axis=1, return_counts=True)
    assert flows.shape[1] > 900
    regular = 0
    for end, count in zip(np.cumsum(counts), counts, strict=True):
        rows = order[end - count : end]
        if count != 5:
            continue  # cut by the end of the day, or two of one key
        regular += 1
        assert capture.flags[rows].tolist() == [SYN, ACK, 24, 24, 24]
        assert capture.speaks[rows].tolist() == [0, 0, 1460, 1460, 80]
        first = int(capture.sequence[rows[0]])
        steps = [(int(value) - first) & 0xFFFFFFFF for value in capture.sequence[rows]]
        assert steps == [0, 1, 1, 1461, 2921]
        assert len(set(capture.acknowledgment[rows[1:]].tolist())) == 1
        assert 20e6 <= capture.time[rows[1]] - capture.time[rows[0]] <= 320e6 + 1000
    assert regular > 900


def test_a_source_is_one_system_at_one_distance():
    """Chi-square over the sources' systems; TTL and options are a host's own, and the IP ID counts on."""
    personas = {"windows-xp": 5, "linux": 3, "macos": 1, "raw": 1}
    capture = said({"port": "tcp/1", "repeats": 0}, hosts=3_000, runs_per_hour=3_000_000, personas=personas)
    syn = np.flatnonzero(capture.syn)
    seen = {}
    for index in syn.tolist():
        mark = (int(capture.ttl[index]), len(capture.options(index)), int(capture.window[index]))
        assert seen.setdefault(int(capture.source[index]), mark) == mark
    found = Counter((length, window) for _, length, window in seen.values())
    counts = [found[8, 65_535], found[20, 29_200], found[24, 65_535], found[0, 512]]
    assert sum(counts) == len(seen) > 2_900
    assert chi_square(counts, [5, 3, 1, 1]) > ALPHA
    first = {8: 128, 20: 64, 24: 64, 0: 64}
    hops = {source: first[length] - ttl for source, (ttl, length, _) in seen.items()}
    assert min(hops.values()) >= 6
    assert max(hops.values()) <= 24
    assert 12 < np.mean(list(hops.values())) < 17


def test_hosts_of_a_16_are_equally_far_away():
    block = {"name": "C/24", "prefix": "24.1.1.0/24"}
    capture = said({"port": "udp/1"}, block=block, hosts=3_000_000, runs_per_hour=30, targets={"/16": 1},
                   personas={"raw": 1})  # fmt: skip
    assert len(np.unique(capture.source)) > 10
    assert len(np.unique(capture.source >> 16)) == 1
    assert len(np.unique(capture.ttl)) == 1


def test_timestamps_tick_at_the_system_s_rate():
    capture = said({"port": "tcp/1", "repeats": 0}, hosts=100, runs_per_hour=30_000_000, personas={"linux": 1})
    chosen = np.flatnonzero(capture.syn)
    checked = 0
    for source in np.unique(capture.source)[:20]:
        rows = [i for i in chosen.tolist() if capture.source[i] == source]
        clock = np.array([int.from_bytes(capture.options(i)[8:12], "big") for i in rows])
        ticks = np.diff(clock) & 0xFFFFFFFF
        assert np.abs(ticks - np.diff(capture.time[rows]) / 4e6).max() <= 2  # 250 a second
        checked += len(rows)
    assert checked > 200


def test_fragments_are_such_that_none_is_ever_whole():
    capture = said([{"port": "udp/53", "fresh": 1, "fragment": "first"}, {"port": "udp/53", "fresh": 1, "fragment": "later"}],
                   personas={"raw": 1})  # fmt: skip
    assert (capture.protocol == UDP).all()
    assert set(capture.fragment.tolist()) == {0x2000, 0x0010}


def test_ports_without_a_number_are_any():
    capture = said({"port": "tcp/*", "repeats": 0}, block=BLOCK | {"answers": False})
    assert (capture.protocol == TCP).all()
    assert capture.destination_port.min() >= 1
    assert chi_square(np.bincount((capture.destination_port - 1) * 32 // 65_535, minlength=32), np.ones(32)) > ALPHA
