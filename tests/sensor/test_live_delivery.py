"""However dark packets are delivered, and whatever Linux does to frames on the way, they are stored as they were sent
and answered where they came from."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys

import pytest

from ims.records import IP_WRONG, TRANSPORT_UNVERIFIED, TRANSPORT_WRONG
from ims.simulate.namespaces import DARK, MACHINE, PEER, ip, may_make_namespaces

from ..decode.makers import SOURCE, tcp, udp
from ..decode.makers import ip as make_ip
from ..effort import sampled
from ..respond.answers import read
from .lab import ROOT, Lab, Sensor

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)

REQUEST = b"GET / HTTP/1.1\r\nHost: 198.51.100.7\r\nUser-Agent: tests\r\nAccept: */*\r\n\r\n"


THEIRS = bytes.fromhex("020000000007")


def both(lab: Lab, words: str) -> None:
    """Run `ip` at both ends."""
    ip(f"-n {lab.peer} {words}")
    ip(f"-n {lab.machine} {words}")


def raw_peer(kind: str, interface: str, frame: bytes, seconds: int = 10) -> list[str]:
    """A command line that sends a frame and prints the answer."""
    return [sys.executable, "-m", "tests.sensor.raw_peer", kind, interface, frame.hex(), str(seconds)]


def assert_synack(frame: bytes, link: int) -> None:
    """A right answer to makers.tcp's SYN."""
    packet = frame[link:]
    reply = read(packet[: int.from_bytes(packet[2:4], "big")], 0)
    assert (reply.source, reply.destination, reply.ports) == ("198.51.100.7", "192.0.2.1", (80, 1025))
    assert (reply.flags, reply.acknowledgment) == (0x12, 8)


def assert_elicited(lab: Lab, sensor: Sensor) -> None:
    """A client gets its SYN-ACK and sends its request, which is stored, verified and acknowledged (by a busy machine too late, perhaps)."""
    done = lab.run("curl", "-s", "-m", "1", "-A", "tests", "http://198.51.100.7/")
    assert done.returncode == 28, (done, "".join(sensor.said))
    chosen = f"verified and signature {hashlib.md5(REQUEST).hexdigest()}"
    assert sensor.wait_for_packets(1, chosen) <= 2
    assert not any(row["checksum"] & (IP_WRONG | TRANSPORT_WRONG) for row in sensor.answer("packets"))


def test_on_a_link_where_the_sensor_answers_arp(lab: Lab) -> None:
    sensor = lab.sensor()
    assert_elicited(lab, sensor)
    neighbours = subprocess.run(["ip", "-n", lab.peer, "neigh"], capture_output=True, text=True, check=True).stdout
    assert f"198.51.100.7 dev eth0 lladdr {lab.mac()}" in neighbours
    assert sensor.stop() == 0


def test_routed_to_the_machine() -> None:
    with Lab(via=MACHINE) as lab:
        ip(f"-n {lab.machine} route add blackhole {DARK}")
        sensor = lab.sensor(settings="arp = false")
        assert_elicited(lab, sensor)
        assert sensor.stop() == 0


@pytest.mark.parametrize("tags", [[(0x8100, 5)], [(0x88A8, 5), (0x8100, 0x6006)]], ids=["one", "two"])
def test_in_a_vlan_answers_go_back_into_it(lab: Lab, tags: list[tuple[int, int]]) -> None:
    sensor = lab.sensor()
    mac = bytes.fromhex(lab.mac().replace(":", ""))
    inside = b"".join(struct.pack(">HH", *tag) for tag in tags) + b"\x08\x00"
    done = lab.run(*raw_peer("packet", "eth0", mac + THEIRS + inside + tcp(source=SOURCE)), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    frame = bytes.fromhex(done.stdout)
    assert frame.startswith(THEIRS + mac + inside)
    assert_synack(frame, len(THEIRS + mac + inside))
    assert sensor.wait_for_packets(1) == 1
    assert sensor.stop() == 0


def test_out_of_a_device_without_link_headers(lab: Lab) -> None:
    """As a GRE or IPIP tunnel's device is, which not every kernel has."""
    ip(f"-n {lab.machine} tuntap add dev tun7 mode tun")
    ip(f"-n {lab.machine} link set tun7 up")
    sensor = lab.sensor(interface="tun7")
    command = lab.at_machine(*raw_peer("tun", "tun7", tcp(source=SOURCE)))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert_synack(bytes.fromhex(done.stdout), 0)
    assert sensor.wait_for_packets(1) == 1
    assert sensor.stop() == 0


def test_out_of_a_tunnel_that_linux_takes_off(lab: Lab) -> None:
    words = "link add tun7 type vxlan id 7 dstport 4789 local {} remote {}"
    ip(f"-n {lab.peer} " + words.format(PEER, MACHINE))
    ip(f"-n {lab.machine} " + words.format(MACHINE, PEER))
    both(lab, "link set tun7 up")
    ip(f"-n {lab.peer} route replace {DARK} dev tun7 src {PEER}")
    sensor = lab.sensor(interface="tun7")
    assert_elicited(lab, sensor)
    assert sensor.stop() == 0


def in_tunnel(kind: str, mac: bytes, options: int = 0) -> bytes:
    """makers.tcp's SYN in a tunnel between two addresses of nobody's, behind `options` octets of IP options."""
    inner = tcp(source=SOURCE)
    ends = {"source": 0xC6120001, "destination": 0xC6120002, "options": options}
    frame = mac + THEIRS + b"\x08\0" + inner
    return {
        "gre": make_ip(47, b"\0\0\x08\0" + inner, **ends),
        "ipip": make_ip(4, inner, **ends),
        "vxlan": udp(b"\x08\0\0\0\0\0\x07\0" + frame, port=4789, **ends),
        "geneve": udp(b"\0\0\x65\x58\0\0\x07\0" + frame, port=6081, **ends),
    }[kind]


@pytest.mark.parametrize("kind", sampled(["gre", "ipip", "vxlan", "geneve"], ["ipip", "geneve"]))
def test_a_tunnel_that_the_sensor_takes_off_is_stored_and_not_answered(lab: Lab, kind: str) -> None:
    """The outer IP header may have options, and a VLAN tag before it."""
    sensor = lab.sensor(settings=f'unwrap = ["{kind}"]')
    mac = bytes.fromhex(lab.mac().replace(":", ""))
    for options, tag in ((0, b""), (8, b""), (40, b"\x81\0\0\5")):
        frame = mac + THEIRS + tag + b"\x08\0" + in_tunnel(kind, mac, options)
        done = lab.run(*raw_peer("packet", "eth0", frame, seconds=1), cwd=ROOT)
        assert "nothing came back" in done.stderr
    assert sensor.wait_for_packets(3, "src host 192.0.2.1 and dst host 198.51.100.7 and tcp dst port 80") == 3
    assert sensor.stop() == 0


def test_tunnels_out_of_a_device_without_link_headers_are_taken_off(lab: Lab) -> None:
    ip(f"-n {lab.machine} tuntap add dev tun7 mode tun")
    ip(f"-n {lab.machine} link set tun7 up")
    kinds = ["gre", "ipip", "vxlan", "geneve"]
    sensor = lab.sensor(interface="tun7", settings=f"unwrap = {kinds}")
    for kind in kinds:
        for options in (0, 12):
            frame = in_tunnel(kind, bytes(6), options)
            subprocess.run(lab.at_machine(*raw_peer("tun", "tun7", frame, seconds=0)), check=False, cwd=ROOT)
    assert sensor.wait_for_packets(8, "src host 192.0.2.1 and dst host 198.51.100.7 and tcp dst port 80") == 8
    assert sensor.stop() == 0


def test_segments_that_linux_merged_are_packets_too(lab: Lab) -> None:
    """veth hands over what the sender's kernel would have left to hardware to cut up."""
    sensor = lab.sensor()
    data = lab.folder / "upload"
    data.write_bytes(bytes(range(256)) * 200)
    lab.run("curl", "-s", "-m", "2", "-T", data, "http://198.51.100.20/up")
    sensor.wait_for_packets(1, "dst host 198.51.100.20 and tcp[tcpflags] & tcp-fin != 0")
    rows = sensor.answer("packets", "dst host 198.51.100.20 and payload")
    sent = sum(row["payload_length"] for row in rows)
    assert sent >= 51_200  # with the request's head
    assert max(row["payload_length"] for row in rows) > 1460
    assert {row["checksum"] for row in rows} == {TRANSPORT_UNVERIFIED}
    assert sensor.stop() == 0


def test_checksums_that_were_made_are_verified(lab: Lab) -> None:
    subprocess.run(lab.at_peer("ethtool", "-K", "eth0", "tx", "off"), check=True, capture_output=True)
    sensor = lab.sensor()
    assert_elicited(lab, sensor)
    assert {row["checksum"] for row in sensor.answer("packets")} == {0}
    lab.run("hping3", "-c", "2", "-i", "u1000", "-S", "-b", "-p", "80", "198.51.100.30")
    sensor.wait_for_packets(2, "dst host 198.51.100.30")
    assert {row["checksum"] for row in sensor.answer("packets", "dst host 198.51.100.30")} == {TRANSPORT_WRONG}
    assert sensor.stop() == 0


def test_several_workers_share_the_flows(lab: Lab) -> None:
    sensor = lab.sensor(settings="workers = 3")
    before = lab.received()
    lab.flood("syn", 100_000, rate=50_000)
    _, lost = sensor.wait_for_books(100_000)
    assert lost == 0
    assert lab.received() - before >= 100_000
    assert_elicited(lab, sensor)
    assert sensor.stop() == 0


def test_several_interfaces(lab: Lab) -> None:
    ip(f"link add eth1 netns {lab.peer} type veth peer name eth1 netns {lab.machine}")
    both(lab, "link set eth1 up")
    sensor = lab.sensor(interface='eth0", "eth1')
    assert_elicited(lab, sensor)
    ip(f"-n {lab.peer} route replace {DARK} dev eth1 src {PEER}")
    done = lab.run("ping", "-c", "2", "-i", "0.1", "-W", "1", "198.51.100.9")
    assert "2 received" in done.stdout
    assert sensor.stop() == 0


def test_traffic_of_others_costs_nothing_and_is_not_stored(lab: Lab) -> None:
    sensor = lab.sensor()
    assert "1 received" in lab.run("ping", "-c", "1", MACHINE).stdout
    lab.flood("syn", 1000, rate=20_000)
    sensor.wait_for_packets(1000)
    assert sensor.stop() == 0
    assert sensor.count() == 1000
