import hashlib
import shutil
import subprocess
from collections import Counter

import pytest

from ims.simulate.scenario import payloads as said

from ..simulate.pcap_by_hand import read
from .sample import KINDS, MIDNIGHT_NS, NETWORK, write_sample

DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "sample.pcap"
    truth = write_sample(path, 20_000, seed=3)
    return path, truth, list(read(path))


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    write_sample(tmp_path / "a", 5000, seed=1)
    write_sample(tmp_path / "b", 5000, seed=1)
    write_sample(tmp_path / "c", 5000, seed=2)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_the_bytes_are_those_of_every_other_machine(tmp_path):
    write_sample(tmp_path / "a", 5000, seed=1)
    assert hashlib.md5((tmp_path / "a").read_bytes()).hexdigest() == "f2da71d9333db3696061a436af72c3f1"


def test_totals_are_those_of_an_independent_reader(sample):
    _, truth, packets = sample
    protocols = Counter(p.protocol for p in packets)
    assert truth["packets"] == 20_000 == len(packets)
    assert (truth["tcp"], truth["udp"], truth["icmp"]) == (protocols[6], protocols[17], protocols[1])
    assert truth["syn"] == sum(p.protocol == 6 and p.flags == 2 for p in packets)
    assert truth["payloads"] == sum(len(p.payload) > 0 for p in packets)
    assert truth["signatures"] == len({p.payload for p in packets if p.payload})
    assert truth["sources"] == len({p.source for p in packets})
    assert truth["destinations"] == len({p.destination for p in packets}) == 256


def test_kinds_are_found_again_by_their_marks(sample):
    _, truth, packets = sample
    tcp = [p for p in packets if p.protocol == 6]
    assert sum(truth[kind] for kind in KINDS) == truth["packets"]
    assert truth["mirai"] == sum(p.sequence == p.destination for p in tcp)
    # One in 65,536 of the other packets has ZMap's IP ID by chance.
    assert 0 <= sum(p.ip_id == 54_321 and p.flags == 2 for p in tcp) - truth["zmap"] <= 3
    assert truth["worm"] == sum(p.protocol == 17 and p.destination_port == 1434 for p in packets)
    assert truth["syn_ack"] == sum(p.flags == 18 for p in tcp)
    assert truth["reset"] == sum(p.flags & 4 > 0 for p in tcp)
    assert truth["session_payload"] == sum(p.flags == 24 for p in tcp)
    assert truth["unreachable"] == sum(p.protocol == 1 and p.payload[:1] == b"\x45" for p in packets)


def test_every_checksum_is_right(sample):
    _, _, packets = sample
    assert all(p.checksums_right for p in packets)


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump isn't installed (apt-get install tcpdump)")
def test_tcpdump_finds_every_checksum_right(sample):
    path, truth, _ = sample
    command = ["tcpdump", "-vv", "-nn", "-r", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # What tcpdump says of a wrong checksum of IP, TCP, UDP and ICMP.
    for complaint in ("bad cksum", "(incorrect", "bad udp cksum", "wrong icmp cksum"):
        assert complaint not in text
    assert text.count("(correct)") == truth["tcp"]
    assert text.count("udp sum ok") == truth["udp"]


def test_packets_are_in_order_within_one_day_and_to_the_network(sample):
    _, _, packets = sample
    times = [p.time_ns for p in packets]
    assert times == sorted(times)
    assert MIDNIGHT_NS <= times[0] < times[-1] < MIDNIGHT_NS + DAY_NS
    assert {p.destination >> 8 for p in packets} == {NETWORK >> 8}


def test_some_payloads_are_those_of_the_paper(sample):
    _, _, packets = sample
    to_2745 = Counter(p.payload for p in packets if p.destination_port == 2745 and p.payload)
    assert to_2745.most_common(1)[0][0] == said.BAGLE_2745
    assert len(said.BAGLE_2745) == 24
    assert {len(p.payload) for p in packets if p.destination_port == 1434 and p.protocol == 17} == {376}


@pytest.mark.parametrize("count", [5000, 50_000])
def test_96_of_100_payloads_came_before(tmp_path, count):
    truth = write_sample(tmp_path / "a", count)
    assert 0.955 < 1 - truth["signatures"] / truth["payloads"] < 0.965


def test_afternoons_are_busier_than_nights(sample):
    _, _, packets = sample
    hours = Counter((p.time_ns - MIDNIGHT_NS) // (3600 * 10**9) for p in packets)
    assert set(hours) == set(range(24))
    assert sum(hours[h] for h in range(13, 18)) > 1.8 * sum(hours[h] for h in range(1, 6))


def test_a_session_goes_on_where_its_syn_began(sample):
    _, _, packets = sample
    key = lambda p: (p.source, p.destination, p.source_port, p.destination_port)  # noqa: E731
    begun = {(*key(p), (p.sequence + 1) & 0xFFFFFFFF): p.time_ns for p in packets if p.flags == 2}
    waits = [p.time_ns - begun[(*key(p), p.sequence)] for p in packets if p.flags == 24]
    assert min(waits) >= 20_000_000
    assert max(waits) < 400_000_000


def test_too_few_packets_are_refused(tmp_path):
    with pytest.raises(ValueError, match="1000 or more"):
        write_sample(tmp_path / "a", 999)
