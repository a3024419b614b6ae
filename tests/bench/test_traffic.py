import shutil
import subprocess
import sys

import numpy as np
import pytest
from benchmarks.traffic import CHUNK, START, write_traffic

from ..simulate.pcap_by_hand import read


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    path = tmp_path_factory.mktemp("traffic") / "t.pcap"
    size = write_traffic(path, CHUNK + 10_000)
    assert size == path.stat().st_size
    return path, list(read(path))


def test_it_has_the_packets_asked_for_in_order_across_an_hour(capture):
    _, packets = capture
    times = [p.time_ns for p in packets]
    assert len(packets) == CHUNK + 10_000
    assert times == sorted(times)
    assert START * 10**9 <= times[0] < times[-1] < (START + 60) * 10**9
    assert times[0] // (3600 * 10**9) + 1 == times[-1] // (3600 * 10**9)


def test_every_checksum_is_right(capture):
    _, packets = capture
    assert all(p.checksums_right for p in packets)


def test_shares_are_those_that_its_page_states(capture):
    path, packets = capture
    count = len(packets)
    for protocol, share in ((6, 0.80), (17, 0.15), (1, 0.05)):
        assert abs(sum(p.protocol == protocol for p in packets) / count - share) < 0.01
    spoken = [p.payload for p in packets if p.payload]
    assert 0.5 < len(spoken) / count < 0.54
    assert 0.035 < len(set(spoken)) / len(spoken) < 0.05
    assert 144 < path.stat().st_size / count < 148


def test_fields_are_as_random_as_said(capture):
    _, packets = capture
    count = len(packets)
    tcp = [p for p in packets if p.protocol == 6]
    assert len({p.sequence for p in tcp}) > 0.999 * len(tcp)
    assert len({p.ip_id for p in packets}) > 38_000
    assert len({p.source for p in packets}) > 0.7 * count
    assert len({p.destination for p in packets}) > 0.99 * count
    assert {p.destination >> 24 for p in packets} == {10}
    assert np.ptp([p.source_port for p in tcp]) > 64_000


def test_another_day_repeats_payloads_and_nothing_else(tmp_path):
    write_traffic(tmp_path / "a", 5000)
    write_traffic(tmp_path / "b", 5000, start=START + 3600)
    a, b = (list(read(tmp_path / name)) for name in "ab")
    assert not {p.sequence for p in a if p.protocol == 6} & {p.sequence for p in b if p.protocol == 6}
    shared = {p.payload for p in a} & {p.payload for p in b}
    assert sum(p.payload in shared for p in b) > 0.9 * len(b)


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    write_traffic(tmp_path / "a", 5000)
    write_traffic(tmp_path / "b", 5000)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_dpkt_reads_it_whole(capture):
    path, packets = capture
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.dpkt_md5", str(path)], capture_output=True, text=True, check=True
    ).stdout.split()
    spoken = [p.payload for p in packets if p.payload]
    assert said[:3] == [str(len(packets)), str(len(spoken)), str(len(set(spoken)))]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump isn't installed (apt-get install tcpdump)")
def test_tcpdump_finds_every_checksum_right(capture):
    path, packets = capture
    text = subprocess.run(
        ["tcpdump", "-vv", "-nn", "-c", "20000", "-r", str(path)], capture_output=True, text=True, check=True
    ).stdout
    for complaint in ("bad cksum", "(incorrect", "bad udp cksum", "wrong icmp cksum"):
        assert complaint not in text
    assert text.count("(correct)") == sum(p.protocol == 6 for p in packets[:20_000])
