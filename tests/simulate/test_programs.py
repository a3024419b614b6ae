"""What programs that nobody here wrote make of a capture: tshark, tcpdump, capinfos and p0f."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter, defaultdict

import numpy as np
import pytest

from ims.simulate.kernels.persona import PERSONAS
from ims.simulate.output.capture import write_scenario

from .captures import ICMP, TCP, UDP, capture_of, number, scenario

NAMES = sorted(PERSONAS)
CHECKED = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")


def needs(program: str) -> str:
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/bin:/usr/local/bin")
    if path is None:
        pytest.skip(f"{program} isn't installed")
    return path


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Each persona knocks on a port of its own; worms, backscatter, misconfiguration and background besides."""
    scanners = [
        {"name": name, "order": "random", "tool": {name: 1}, "sources": 6, "rate": 20_000, "blocks": ["A/22"],
         "service": [{"port": f"tcp/{7000 + index}"}]}
        for index, name in enumerate(NAMES)
    ]  # fmt: skip
    made = scenario(
        duration="2h", start="2004-05-01T11:00:00Z",
        block=[{"name": "A/22", "prefix": "198.51.100.0/22", "answers": False},
               {"name": "B/22", "prefix": "100.70.64.0/22"}],
        scanner=scanners,
        worm=[{"name": like, "like": like, "hosts": 50_000, "runs_per_hour": 2000, "blocks": ["B/22"]}
              for like in ("blaster", "sasser", "nimda", "code-red-ii", "slammer", "witty")],
        attack=[{"name": "attack", "rate": 500_000, "answers": {"syn-ack": 1, "reset": 1, "unreachable": 1}}],
        misconfiguration=[{"name": "dns", "block": "B/22", "interval": "20s", "sources": 3,
                           "service": {"port": "udp/53", "says": ["dns-any"], "salted": 2}}],
        background=[{"name": "background", "sources": 5000, "packets_per_24": 10_000,
                     "ports": {"tcp/80": 3, "udp/137": 1, "icmp": 1}}],
    )  # fmt: skip
    path = tmp_path_factory.mktemp("programs") / "everything.pcap"
    with path.open("wb") as file:
        truth = write_scenario(made, file)
    return path, truth, capture_of(path)


def tshark(path, *fields, only=""):
    words = [needs("tshark"), "-n", "-r", str(path), *CHECKED, "-T", "fields", "-E", "occurrence=f"]
    words += [word for field in fields for word in ("-e", field)] + (["-Y", only] if only else [])
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_tshark_finds_every_checksum_right(everything):
    path, truth, capture = everything
    rows = tshark(path, "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status")
    assert len(rows) == truth["packets"] == len(capture)
    found = [Counter(column) for column in zip(*rows, strict=True)]
    assert found[0] == {"1": len(rows)}
    for column, protocol in zip(found[1:], (TCP, UDP, ICMP), strict=True):
        assert column["1"] == (capture.protocol == protocol).sum() > 50
        assert set(column) <= {"1", ""}


def test_tcpdump_has_nothing_to_complain_of(everything):
    path, truth, capture = everything
    command = [needs("tcpdump"), "-vv", "-nn", "-r", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True, errors="replace").stdout
    for complaint in ("bad cksum", "(incorrect", "bad udp cksum", "wrong icmp cksum", "bad-", "truncated-ip"):
        assert complaint not in text
    # Inside an ICMP error stands a SYN, which tcpdump describes without its checksum.
    assert len(re.findall(r"cksum 0x[0-9a-f]{4} \(correct\)", text)) == (capture.protocol == TCP).sum()
    assert sum(" > " in line for line in text.splitlines()) >= truth["packets"]


def test_capinfos_is_content(everything):
    path, truth, _ = everything
    words = [needs("capinfos"), "-M", "-c", "-o", "-E", "-a", "-e", "-S", str(path)]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    said = dict(re.findall(r"^(.+?):\s+(.+)$", text, re.MULTILINE))
    assert int(said["Number of packets"]) == truth["packets"]
    assert said["Strict time order"] == "True"
    assert said["File encapsulation"] in ("ether", "Ethernet")
    times = [float(text) for name, text in said.items() if name.endswith("packet time")]
    first, last = min(times), max(times)
    assert 1_083_409_200 <= first < last < 1_083_409_200 + 7200


def test_p0f_names_the_personas_that_it_knows(everything, tmp_path):
    """By the source of each SYN of a port; p0f makes a line of what it finds out about each."""
    path, truth, _ = everything
    log = tmp_path / "p0f.log"
    subprocess.run([needs("p0f"), "-r", str(path), "-o", str(log)], capture_output=True, check=True)
    named: dict[int, Counter[str]] = defaultdict(Counter)
    for line in log.read_text().splitlines():
        if "mod=syn|" in line:
            port = int(re.search(r"srv=[0-9.]+/(\d+)", line)[1])  # type: ignore[index]
            named[port][re.search(r"(?:os|app)=([^|]*)", line)[1]] += 1  # type: ignore[index]
    for index, name in enumerate(NAMES):
        wanted = PERSONAS[name].p0f
        if wanted:
            assert set(named[7000 + index]) == {wanted}, name
        else:
            assert set(named[7000 + index]) <= {"???"}, name
    told = {event["name"]: event["personas"] for event in truth["events"]}
    assert told["windows-7"]["windows-7"]["p0f"] == PERSONAS["windows-7"].p0f


def test_p0f_finds_the_distance_that_is_true(everything, tmp_path):
    path, truth, _ = everything
    log = tmp_path / "p0f.log"
    subprocess.run([needs("p0f"), "-r", str(path), "-o", str(log)], capture_output=True, check=True)
    index = NAMES.index("windows-7")
    lines = [line for line in log.read_text().splitlines() if "mod=syn|" in line and f"/{7000 + index}|" in line]
    found = Counter(int(re.search(r"dist=(\d+)", line)[1]) for line in lines)  # type: ignore[index]
    event = next(event for event in truth["events"] if event["name"] == "windows-7")
    # Each SYN goes out three times; p0f tells of the first.
    repeats = 1 + PERSONAS["windows-7"].repeats
    assert 3 <= len(found) == len(event["hops"])
    for hop, count in event["hops"].items():
        assert abs(found[int(hop)] * repeats - count) <= 2 * repeats


def test_tools_are_told_by_their_marks(everything):
    """ZMap's IP ID, Masscan's (address, port and sequence number in an exclusive or), Mirai's sequence number."""
    path, _, _ = everything
    names = ("ip.id", "ip.dst", "tcp.dstport", "tcp.seq_raw", "tcp.window_size_value", "ip.ttl")
    marks = {}
    for tool in ("zmap", "masscan", "mirai"):
        rows = tshark(path, *names, only=f"tcp.dstport == {7000 + NAMES.index(tool)}")
        marks[tool] = np.array([[int(r[0], 16), number(r[1]), *map(int, r[2:])] for r in rows])
        assert len(rows) > 20
    zmap, masscan, mirai = marks["zmap"], marks["masscan"], marks["mirai"]
    assert (zmap[:, 0] == 54_321).all()
    assert ((masscan[:, 1] ^ masscan[:, 2] ^ masscan[:, 3]) & 0xFFFF == masscan[:, 0]).all()
    assert (mirai[:, 3] == mirai[:, 1]).all()
    assert len(np.unique(mirai[:, 0])) > len(mirai) * 0.9
    assert (masscan[:, 4] == 1024).all()


def test_unanswered_syns_are_repeated_as_systems_do(everything):
    """Three seconds later and six after that, for those who use a system's stack; tools of their own never."""
    _, _, capture = everything
    for index, name in enumerate(NAMES):
        chosen = np.flatnonzero(capture.destination_port == 7000 + index)
        columns = (capture.source, capture.destination, capture.source_port, capture.sequence)
        _, counts = np.unique(np.stack([column[chosen] for column in columns]), axis=1, return_counts=True)
        wanted = 1 + PERSONAS[name].repeats
        # Some were asked for shortly before the end.
        assert (counts == wanted).mean() > 0.95
        assert counts.max() == wanted
