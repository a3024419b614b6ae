"""`exchange` makes the replies again that a live sensor sent, packet by packet: a tcpdump at the clients has these."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ims
from ims.analyse.result import Result
from ims.simulate.namespaces import PEER, may_make_namespaces

from .lab import DEADLINE, Lab

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)
POLICY = '{ "1-135" = "ack", "136-199" = "synack", "200-299" = "reset", "300-399" = "silent", default = "ack" }'
LIMIT = 20_000
SILENT_BLOCK = f"""data_limit = {LIMIT}
[[block]]
name = "D/28"
prefix = "198.51.101.0/28"
policy = "silent"
"""
ANSWERED, UNANSWERED = ("-SXY", "-SP"), (["-F"], ["-A"], ["-SA"], ["-SF"], ["-SR"], [])
"""Odd flags of hping3: a SYN that offers ECN and one with PSH; the others are never answered."""
BLASTER = """
import socket
def say(port, *texts):
    with socket.create_connection(("198.51.100.135", port), 5) as opened:
        for text in texts:
            opened.sendall(text)
    return opened
say(135, b"b" * 72, b"r" * 1704)
say(4444, b"c" * 42)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.sendto(b"u" * 376, ("198.51.100.135", 1434))
"""
"""Of the lengths that Blaster's packets had; the octets are ours."""


class Segment(NamedTuple):
    """A packet on the wire, in plain Python. `ports`: the peer's, then ours."""

    dark: str
    protocol: int
    ports: tuple[int, int]
    flags: int
    sequence: int
    acknowledgment: int
    length: int
    options: str


TIMES = {"mss": "mss {}", "wscale": "wscale {}", "sackOK": "sackOK", "nop": "nop", "TS": "TS val ? ecr {}"}


def options_of(octets: bytes) -> str:
    """As tcpdump writes those that a responder sends, but for the time of its own clock."""
    found = []
    while octets:
        name, size, number = {
            1: ("nop", 1, 0), 2: ("mss", 4, octets[2:4]), 3: ("wscale", 3, octets[2:3]), 4: ("sackOK", 2, 0),
            8: ("TS", 10, octets[6:10]),
        }[octets[0]]  # fmt: skip
        found.append(TIMES[name].format(int.from_bytes(number, "big") if isinstance(number, bytes) else ""))
        octets = octets[size:]
    return ",".join(found)


def read(path: Path) -> list[Segment]:
    """The IPv4 packets from the dark addresses in a capture of Ethernet frames by tcpdump."""
    octets, at, found = path.read_bytes(), 24, []
    assert octets[:4] == b"\xd4\xc3\xb2\xa1"
    while at < len(octets):
        captured = struct.unpack("<I", octets[at + 8 : at + 12])[0]
        packet = octets[at + 16 + 14 : at + 16 + captured]
        at += 16 + captured
        if not socket.inet_ntoa(packet[12:16]).startswith("198.51.10"):
            continue
        body = packet[20 : struct.unpack(">H", packet[2:4])[0]]
        dark, protocol = socket.inet_ntoa(packet[12:16]), packet[9]
        if protocol == 1:
            assert body[0] == 0, "an echo reply"
            found.append(Segment(dark, 1, (0, 0), 0, 0, 0, len(body) - 8, ""))
            continue
        ours, theirs, sequence, acknowledgment, offset, flags = struct.unpack(">HHIIBB", body[:14])
        header = (offset >> 4) * 4
        options, length = options_of(body[20:header]), len(body) - header
        found.append(Segment(dark, protocol, (theirs, ours), flags, sequence, acknowledgment, length, options))
    return found


def replies(result: Result) -> list[tuple[Segment, bool, bool]]:
    """The replies of a result, each with whether its sequence number is known, and whether it is certain."""
    bits = {letter: 1 << bit for bit, letter in enumerate("FSRPAUEC")}
    found = []
    for row in result.rows.to_pylist():
        if row["sender"] == "sensor":
            segment = Segment(
                row["destination"], {"icmp": 1, "tcp": 6}[row["protocol"]],
                (row["source_port"] or 0, row["destination_port"] or 0), sum(bits[each] for each in row["flags"] or ""),
                row["sequence"] or 0, row["acknowledgment"] or 0, row["length"], row["options"] or "",
            )  # fmt: skip
            found.append((segment, row["protocol"] != "tcp" or row["sequence"] is not None, row["certain"] == "yes"))
    return found


class Witness:
    """tcpdump at the peer."""

    def __init__(self, lab: Lab) -> None:
        self.file = lab.folder / "peer.pcap"
        words = ("tcpdump", "-i", "eth0", "-n", "-U", "-B", "65536", "-w", self.file, "ip and net 198.51.100.0/23")
        self._process = subprocess.Popen(lab.at_peer(*words), stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        assert any("listening on" in line for line in self._process.stderr)

    def stop(self) -> list[Segment]:
        """End it, and read what it has."""
        self._process.send_signal(signal.SIGINT)
        said = self._process.communicate(timeout=DEADLINE)[1]
        assert "0 packets dropped by kernel" in said
        return read(self.file)


@pytest.fixture(scope="module")
def exchanged() -> Iterator[tuple[list[Segment], Result, list[dict[str, Any]]]]:
    """What the peer's wire had of us, and what the analysis says of it, of all clients that have replies, one after the other."""
    for program in ("tcpdump", "curl", "nmap", "ping", "hping3"):
        assert shutil.which(program), f"{program} is missing; .ci/run installs it"
    with Lab() as lab, ThreadPoolExecutor(len(UNANSWERED) + 2) as pool:
        lab.run("ip", "route", "add", "198.51.101.0/28", "dev", "eth0")
        sensor = lab.sensor(policy=POLICY, settings=SILENT_BLOCK)
        witness = Witness(lab)
        upload = lab.folder / "upload"
        upload.write_bytes(bytes(400_000))
        curl = ("curl", "-s", "-m", "0.3")
        silent = [("hping3", "-c", "1", "-d", "9", "-p", "80", *flags, "198.51.100.17") for flags in UNANSWERED]
        silent += [("ping", "-c", "1", "-W", "1", "198.51.101.3"), (*curl, "http://198.51.101.4:80/")]
        waiting = [pool.submit(lab.run, *words) for words in silent]  # each a second, for what doesn't come
        for port in (80, 150, 250):
            lab.run(*curl, f"http://198.51.100.{port}:{port}/")
        lab.run(*curl, "-H", "Expect:", "-T", upload, "http://198.51.100.11:80/up")
        nmap = ("nmap", "-n", "-Pn", "-T5", "--max-retries", "1")
        lab.run(*nmap, "-sS", "-p", "130-140,195-205,299-301", "198.51.100.12")
        lab.run(*nmap, "-sT", "-p", "130-140,195-205", "198.51.100.13")
        done = lab.run(sys.executable, "-c", BLASTER)
        assert done.returncode == 0, done.stderr
        lab.run("ping", "-c", "2", "-i", "0.2", "-W", "1", "198.51.100.14")
        lab.run("ping", "-c", "1", "-s", "10", "-W", "1", "198.51.100.15")
        for flags in ANSWERED:
            lab.run("hping3", "-c", "1", "-d", "9", "-p", "80", flags, "198.51.100.16")
        for each in waiting:
            each.result()
        sensor.balance(expression="dst net 198.51.100.0/24")
        assert sensor.stop() == 0, "".join(sensor.said)
        wire = witness.stop()
        with ims.open(sensor.store) as telescope:
            result = telescope.analyse.exchange(source=PEER, limit=10_000)
            coverage = telescope.coverage().rows()
        yield wire, result, coverage


def without_own(segment: Segment) -> Segment:
    """Without the sequence number of a SYN-ACK, which is known only if it was acknowledged."""
    return segment._replace(sequence=0) if segment.flags & 0x12 == 0x12 else segment


def test_each_reply_is_what_left_in_its_order(exchanged: tuple[list[Segment], Result, list[dict[str, Any]]]) -> None:
    wire, result, _ = exchanged
    found = [segment for segment, _, _ in replies(result)]
    assert not any("cut" in note for note in result.notes)
    by_connection: dict[Any, tuple[list[Segment], list[Segment]]] = defaultdict(lambda: ([], []))
    for number, segments in enumerate((wire, found)):
        for each in segments:
            by_connection[each.dark, each.protocol, each.ports][number].append(without_own(each))
    differing = {key: pair for key, pair in by_connection.items() if pair[0] != pair[1]}
    assert not differing, f"on the wire, and said: {differing}"
    assert len(found) == len(wire) > 60
    kinds = {each.flags for each in wire}
    assert {0x10, 0x11, 0x12, 0x14, 0x04, 0x52} <= kinds, "ACK, FIN, SYN-ACK, both kinds of RST, ECE"
    forms = {re.sub(r"[0-9]+", "N", each.options) for each in wire}
    assert forms >= {"", "mss N", "mss N,sackOK,TS val ? ecr N,nop,wscale N", "nop,nop,TS val ? ecr N"}, "nmap, Linux"
    assert [without_own(each) for each in found] == [without_own(each) for each in wire]


def test_numbers_that_are_known_are_those_of_the_wire(
    exchanged: tuple[list[Segment], Result, list[dict[str, Any]]],
) -> None:
    wire, result, _ = exchanged
    sent = set(wire)
    told = [(segment, is_certain) for segment, is_known, is_certain in replies(result) if is_known]
    assert all(segment in sent for segment, _ in told)
    accepted = [segment for segment, is_certain in told if is_certain and segment.flags & 0x12 == 0x12]
    assert len(accepted) >= 11 + 2 + 2, "nmap -sT, curl, Blaster"
    assert any(is_certain and segment.flags == 0x11 for segment, is_certain in told), "a FIN that was acknowledged"
    sequences = [segment.sequence for segment, known, _ in replies(result) if not known]
    assert sequences and not any(sequences), "nobody acknowledged nmap -sS's"


def test_a_passive_monitor_would_have_seen_syns_udp_and_echoes_alone(
    exchanged: tuple[list[Segment], Result, list[dict[str, Any]]],
) -> None:
    rows = [row for row in exchanged[1].rows.to_pylist() if row["sender"] == "source"]
    blaster = [row for row in rows if row["destination"] == "198.51.100.135"]
    assert {row["passive"] for row in blaster if row["destination_port"] == 135 and row["flags"] != "S"} == {"no"}
    [first, second] = [row["passive"] for row in blaster if row["flags"] == "SEC" or row["flags"] == "S"]
    assert (first, second) == ("yes", "perhaps"), "the SYN to 4444 comes after the payload on 135"
    assert {row["passive"] for row in blaster if row["protocol"] == "udp"} == {"perhaps"}
    assert {row["passive"] for row in rows if row["protocol"] == "icmp"} == {"yes"}
    unanswered = [row for row in rows if row["destination"] == "198.51.100.17"]
    assert len(unanswered) >= len(UNANSWERED) and {row["passive"] for row in unanswered} == {"yes"}
    assert {row["destination"] for row in rows} >= {"198.51.101.3", "198.51.101.4"}, "of the silent block"
    verified = exchanged[1].estimates["elicited"]
    assert 0 < verified.low <= verified.value <= verified.high < 1


def test_what_coverage_tells_of_the_policy_is_what_was_set(
    exchanged: tuple[list[Segment], Result, list[dict[str, Any]]],
) -> None:
    rows = exchanged[2]
    ports = "ports 1-135=ack 136-199=synack 200-299=reset 300-399=silent default=ack"
    assert {(row["block"], row["policy"]) for row in rows} == {
        ("C/24", f"{ports}, echo, limit {LIMIT}"), ("D/28", f"silent, limit {LIMIT}"),
    }  # fmt: skip
