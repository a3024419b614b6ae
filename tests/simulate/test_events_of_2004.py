"""Bagle's and MyDoom's backdoors, Sasser, the attacks on MySQL, ports that come and go: Figures 5, 6, 8, 11 to 13."""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter

import numpy as np
import pytest

import ims

from ..stores import ingest
from .captures import number
from .scenarios import Played

FIGURE_13 = bytes.fromhex("43 ff ff ff 30 30 30 01 0a 28 91 a1 2b e6 60 2f 32 8f 60 15 1a 20 1a 00")


@pytest.fixture(scope="module")
def backdoors():
    return Played("bagle-mydoom-2004")


def sources_of(played, port, period_hours=None):
    chosen = played.capture.destination_port == port
    chosen &= played.capture.source != 0
    if period_hours is None:
        return np.unique(played.capture.source[chosen])
    period = (played.hour[chosen] / period_hours).astype(np.int64)
    return np.unique(period << 32 | played.capture.source[chosen])


def test_both_ports_gain_sources_alike(backdoors):
    """Figure 11: cumulative sources; "similar magnitude and shape"."""
    curves = []
    for port in (2745, 3127):
        chosen = backdoors.capture.destination_port == port
        _, first = np.unique(backdoors.capture.source[chosen], return_index=True)
        seen = np.sort(backdoors.hour[chosen][first])
        curves.append(np.searchsorted(seen, np.arange(0, 168, 6)))
    assert curves[0][-1] > 5_000
    assert np.abs(curves[0] - curves[1])[4:].max() < 0.1 * curves[0][-1]
    assert curves[0][4] < 0.6 * curves[0][-1]


def test_sources_are_rarely_on_both_ports_in_an_hour_and_nearly_all_in_the_week(backdoors):
    """Figure 12."""
    overlap = {}
    for name, hours in (("hour", 1), ("day", 24), ("week", 168)):
        one, other = (sources_of(backdoors, port, hours) for port in (2745, 3127))
        both = np.unique(np.intersect1d(one, other) & 0xFFFFFFFF).size
        overlap[name] = both / np.union1d(one & 0xFFFFFFFF, other & 0xFFFFFFFF).size
    assert overlap["hour"] < 0.02
    assert overlap["hour"] < overlap["day"] < overlap["week"]
    assert overlap["week"] > 0.85


def test_the_top_payload_on_2745_is_figure_13_s(backdoors):
    capture = backdoors.capture
    said = Counter(capture.payloads((capture.destination_port == 2745) & (capture.speaks > 0)))
    (top, count), *_ = said.most_common()
    assert top == FIGURE_13
    assert len(top) == 24
    told = {row["signature"]: row["packets"] for row in backdoors.events["backdoors"]["signatures"]}
    assert told[hashlib.md5(FIGURE_13).hexdigest()] == count
    upload = Counter(capture.speaks[(capture.destination_port == 3127) & (capture.speaks > 0)].tolist())
    assert upload.most_common(1)[0][0] == 1460


def test_sasser_is_one_signature_in_a_noisy_port():
    """Figure 5: the port as a whole hardly shows the worm, its signature does."""
    played = Played("sasser-2004")
    capture = played.capture
    on_445 = (capture.destination_port == 445) & (capture.source != 0)
    before, after = on_445 & (played.hour < 66), on_445 & (played.hour > 120)
    noise = [mask.sum() / hours for mask, hours in ((before, 66), (after, 48))]
    assert 1.02 < noise[1] / noise[0] < 1.6
    signature = hashlib.md5(capture.payload(_first_of(capture, on_445, 137))).hexdigest()
    own = [row for row in played.events["sasser"]["signatures"] if row["length"] == 137]
    assert [row["signature"] for row in own] == [signature]
    index = np.flatnonzero(on_445 & (capture.speaks == 137)).tolist()
    own_mask = np.zeros(len(capture), bool)
    own_mask[[i for i in index if hashlib.md5(capture.payload(i)).hexdigest() == signature]] = True
    assert own_mask.sum() == own[0]["packets"]
    hourly = played.hourly(own_mask)
    assert hourly[:66].sum() == 0  # nothing before 30 April, 18:00
    assert hourly[100:140].mean() > 50
    peak = np.convolve(hourly, np.ones(24), "valid").argmax()
    assert 96 <= peak <= 140  # about 3 May
    assert played.events["sasser"]["sources"] > 5_000


def _first_of(capture, mask, length):
    wanted = [i for i in np.flatnonzero(mask & (capture.speaks == length)).tolist()
              if b"sasser" in capture.payload(i)]  # fmt: skip
    return wanted[0]


def test_the_hit_rate_dips_with_the_attacks_on_mysql(tmp_path):
    """Figure 8, three sensors, each with a cache of its own that begins anew every day: two dip on 12, 13 and 18 June, one
    doesn't, and on other days all know 96 % and more. One of them is a real store."""
    played = Played("mysql-2004")
    capture = played.capture
    attacked = (5, 6, 11)  # days after the 7th
    rates = {}
    for block in played.scenario.blocks():
        network = ipaddress.IPv4Network(block.prefix)
        mine = (capture.destination >= int(network[0])) & (capture.destination <= int(network[-1]))
        said = [
            capture.payloads(mine & (capture.speaks > 0) & (played.hour // 24 == day)) for day in range(16)
        ]  # fmt: skip
        rates[block.name] = np.array([1 - len(set(payloads)) / len(payloads) for payloads in said])
        quiet = np.delete(rates[block.name], attacked)
        assert quiet.min() > 0.96, block.name
        dips = rates[block.name][list(attacked)]
        assert (dips > 0.96).all() if block.name == "J/24" else (dips < 0.8).all()
    path = tmp_path / "m.pcap"
    path.write_bytes(capture.data)
    with ims.open(ingest(tmp_path / "STORE", path, blocks=["C/24=100.66.64.0/24"])) as telescope:
        rows = telescope.cache(bin="1d").rows()
    assert [row["hit_rate"] for row in rows] == pytest.approx(rates["C/24"].tolist(), abs=1e-6)


def test_twenty_ports_come_and_go():
    """Figure 6: each begins, ends or both at its time, and 2745 and 3127 are among them."""
    played = Played("ports-2004", 0.3)
    capture = played.capture
    worms = {worm.name: worm for worm in played.scenario.worm}
    assert len(worms) == 20
    ports = {int(name.split()[1]) for name in worms}
    assert {2745, 3127} <= ports
    for name, worm in worms.items():
        port = int(name.split()[1])
        since, until = (hours / 3600 for hours in played.scenario.window(worm))
        assert (since, until) != (0, played.scenario.duration / 3600)
        mine = capture.syn & (capture.destination_port == port)
        inside = (played.hour >= since) & (played.hour < until + 1)
        rate = (mine & inside).sum() / (until - since)
        outside = (mine & ~inside).sum() / (played.scenario.duration / 3600 - (until - since))
        assert rate > 5 * outside, name
        assert (mine & inside).sum() > 300
    assert number("100.66.64.0") <= capture.destination.min()
