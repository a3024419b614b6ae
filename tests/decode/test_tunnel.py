"""Tunnels are taken off when asked for, and only then; a tunnel that lies is malformed or left as it is."""

from __future__ import annotations

import struct

import pytest

from .makers import decoded, ethernet, icmp, ip, tcp, udp

INNER = udp(b"inner", source=0x0A00_0001)
OUTER = 0xCB00_7101  # 203.0.113.1


def gre(inner: bytes, flags: int = 0, kind: int = 0x0800, optional: bytes = b"") -> bytes:
    return ip(47, struct.pack(">HH", flags, kind) + optional + inner, destination=OUTER)


def vxlan(inner: bytes, flags: int = 0x08, port: int = 4789) -> bytes:
    return udp(struct.pack(">BxxxI", flags, 7 << 8) + ethernet(inner), port=port, destination=OUTER)


def ipip(inner: bytes) -> bytes:
    return ip(4, inner, destination=OUTER)


TUNNELS = {
    "GRE": ("gre", gre(INNER)),
    "GRE with a checksum": ("gre", gre(INNER, 0x8000, optional=bytes(4))),
    "GRE with a key": ("gre", gre(INNER, 0x2000, optional=bytes(4))),
    "GRE with all three": ("gre", gre(INNER, 0xB000, optional=bytes(12))),
    "Ethernet in GRE": ("gre", gre(ethernet(INNER), kind=0x6558)),
    "MPLS in GRE": ("gre", gre(b"\0\1\x01\x40" + INNER, kind=0x8847)),
    "IP in IP": ("ipip", ipip(INNER)),
    "VXLAN": ("vxlan", vxlan(INNER)),
    "GRE in VXLAN": ("gre,vxlan", vxlan(gre(INNER))),
    "IP in IP in GRE": ("ipip,gre", gre(ipip(INNER))),
}


@pytest.mark.parametrize("name", TUNNELS)
def test_the_inner_packet_is_what_is_monitored(name: str) -> None:
    unwrap, packet = TUNNELS[name]
    [row], counters = decoded([ethernet(packet)], unwrap=unwrap, block="C/24=198.51.100.0/24")
    assert row["packet"] == INNER
    assert (row["source"], row["payload"], row["destination_port"]) == (0x0A00_0001, b"inner", 53)
    assert counters == {"frames": 1, "stored": 1, "unwrapped": 2 if " in VXLAN" in name or "in IP in" in name else 1}


@pytest.mark.parametrize("name", TUNNELS)
def test_unasked_for_the_outer_one_is_monitored(name: str) -> None:
    unwrap, packet = TUNNELS[name]
    others = ",".join({"gre", "ipip", "vxlan"} - set(unwrap.split(",")))
    for asked in ("", others):
        rows, counters = decoded([ethernet(packet)], unwrap=asked)
        assert [row["packet"] for row in rows] == [packet]
        assert counters == {"frames": 1, "stored": 1}
        _, counters = decoded([ethernet(packet)], unwrap=asked, block="C/24=198.51.100.0/24")
        assert counters == {"frames": 1, "outside": 1}


LEFT = {
    "another version of GRE (PPTP)": gre(INNER, 0x3001, kind=0x880B),
    "GRE with source routing": gre(INNER, 0x4000),
    "VXLAN without a network's number": vxlan(INNER, flags=0),
    "another port": vxlan(INNER, port=4790),
    "TCP": tcp(INNER, destination=OUTER),
    "a fragment": ip(4, INNER, destination=OUTER, fragment=0x2000),
    "a later fragment": ip(4, INNER, destination=OUTER, fragment=185),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_none_of_these_tunnels_is_left_as_it_is(name: str) -> None:
    rows, counters = decoded([LEFT[name]], 101, unwrap="gre,ipip,vxlan")
    assert [row["packet"] for row in rows] == [LEFT[name]]
    assert "unwrapped" not in counters


BROKEN = {
    "GRE cut in its header": (ip(47, b"\0\0\x08"), "malformed"),
    "GRE without its key": (ip(47, struct.pack(">HH", 0x2000, 0x0800)), "malformed"),
    "GRE that holds ARP": (gre(bytes(28), kind=0x0806), "not_ipv4"),
    "GRE that holds IPv6": (gre(b"\x60" + bytes(39), kind=0x86DD), "not_ipv4"),
    "IP in IP, nothing in it": (ip(4, b""), "malformed"),
    "IP in IP, half a header": (ip(4, INNER[:19]), "malformed"),
    "VXLAN cut": (udp(b"\x08\0\0\0", port=4789), "malformed"),
    "VXLAN with half an Ethernet header": (udp(struct.pack(">BxxxI", 8, 1) + bytes(13), port=4789), "malformed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_tunnel_that_holds_no_packet_is_counted_once(name: str) -> None:
    packet, counter = BROKEN[name]
    rows, counters = decoded([packet], 101, unwrap="gre,ipip,vxlan")
    assert rows == []
    assert counters["frames"] == counters[counter] == 1


def test_at_most_four_tunnels_are_taken_off() -> None:
    packets = [INNER]
    for _ in range(5):
        packets.append(ipip(packets[-1]))
    for depth in range(6):
        [row], counters = decoded([packets[depth]], 101, unwrap="ipip")
        assert row["packet"] == packets[max(0, depth - 4)]
        assert counters.get("unwrapped", 0) == min(depth, 4)


def test_the_inner_packet_goes_no_further_than_the_outer_one_s_length() -> None:
    long = ip(17, INNER[20:], total=1000)
    [row], counters = decoded([ipip(long) + bytes(2000)], 101, unwrap="ipip")
    assert row["packet"] == long
    assert row["ip_length"] == len(long)  # there never was more on the wire
    assert counters["unwrapped"] == 1


def test_a_cut_tunnel_says_how_much_is_missing() -> None:
    packet = ipip(udp(bytes(500)))
    [row], counters = decoded([packet], 101, unwrap="ipip", cut=100)
    assert (row["ip_captured"], row["ip_length"]) == (80, 528)
    assert counters["truncated"] == 1


def test_a_quote_in_an_icmp_error_is_no_tunnel() -> None:
    [row], counters = decoded([icmp(3, 4, payload=ipip(INNER))], 101, unwrap="gre,ipip,vxlan")
    assert (row["protocol"], row["icmp_type"], row["source_port"]) == (1, 3, None)
    assert "unwrapped" not in counters
