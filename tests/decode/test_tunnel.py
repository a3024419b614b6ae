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


def gpe(following: int, inner: bytes, port: int = 4790) -> bytes:
    """The Generic Protocol Extension."""
    return udp(struct.pack(">BxxBI", 0x0C, following, 7 << 8) + inner, port=port, destination=OUTER)


def geneve(inner: bytes, first: int = 0, control: int = 0, port: int = 6081, kind: int = 0x6558) -> bytes:
    head = struct.pack(">BBHI", first | 2, control, kind, 5 << 8) + struct.pack(">HBBI", 0x108, 1, 1, 9)
    return udp(head + (ethernet(inner) if kind == 0x6558 else inner), port=port, destination=OUTER)


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
    "ERSPAN I": ("gre", gre(ethernet(INNER), kind=0x88BE)),
    "ERSPAN II": ("gre", gre(struct.pack(">II", 0x1001_0005, 0) + ethernet(INNER), 0x1000, 0x88BE, bytes(4))),
    "ERSPAN III": ("gre", gre(struct.pack(">III", 0x2000_0005, 0, 0) + ethernet(INNER), 0x1000, 0x22EB, bytes(4))),
    "ERSPAN III, a platform's header": (
        "gre",
        gre(struct.pack(">IIIII", 0x2000_0005, 0, 1, 0, 0) + ethernet(INNER), 0x1000, 0x22EB, bytes(4)),
    ),
    "ERSPAN III, an IP packet": (
        "gre",
        gre(struct.pack(">III", 0x2000_0005, 0, 2 << 10) + INNER, 0x1000, 0x22EB, bytes(4)),
    ),
    "ERSPAN III by the number of II": (
        "gre",
        gre(struct.pack(">III", 0x2000_0005, 0, 0) + ethernet(INNER), 0x1000, 0x88BE, bytes(4)),
    ),
    "PPP in GRE": ("gre", gre(b"\xff\3\0\x21" + INNER, kind=0x880B)),
    "Frame Relay in GRE": ("gre", gre(b"\x18\x41\3\xcc" + INNER, kind=0x6559)),
    "WCCP": ("gre", gre(bytes(4) + INNER, kind=0x883E)),
    "VXLAN on Linux's port": ("vxlan:8472", vxlan(INNER, port=8472)),
    "VXLAN, port as an assignment": ("vxlan=8472", vxlan(INNER, port=8472)),
    "VXLAN, two ports": ("vxlan,vxlan:8472", vxlan(INNER, port=8472)),
    "VXLAN GPE": ("vxlan:4790", gpe(1, INNER)),
    "VXLAN GPE, Ethernet": ("vxlan:4790", gpe(3, ethernet(INNER))),
    "VXLAN GPE, NSH": ("vxlan:4790", gpe(4, struct.pack(">HBBI", 0x0FC2, 2, 1, 0x1FF) + INNER)),
    "VXLAN GPE, MPLS": ("vxlan:4790", gpe(5, b"\0\1\x01\x40" + INNER)),
    "GENEVE": ("geneve", geneve(INNER)),
    "GENEVE, IPv4": ("geneve", geneve(INNER, kind=0x0800)),
    "GENEVE, a critical option": ("geneve", geneve(INNER, control=0x40)),
    "GENEVE, another port": ("geneve:7777", geneve(INNER, port=7777)),
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
    others = ",".join({"gre", "ipip", "vxlan:4444", "geneve:5555"} - set(unwrap.split(",")))
    for asked in ("", others):
        rows, counters = decoded([ethernet(packet)], unwrap=asked, block="outer=203.0.113.0/24")
        assert [row["packet"] for row in rows] == [packet]
        assert counters == {"frames": 1, "stored": 1}
        _, counters = decoded([ethernet(packet)], unwrap=asked, block="C/24=198.51.100.0/24")
        assert counters == {"frames": 1, "outside": 1}


C = "C/24=198.51.100.0/24"
LEFT = {
    "another version of GRE (PPTP)": gre(INNER, 0x3001, kind=0x880B),
    "GRE with source routing": gre(INNER, 0x4000),
    "VXLAN without a network's number": vxlan(INNER, flags=0),
    "another port": vxlan(INNER, port=4790),
    "TCP": tcp(INNER, destination=OUTER),
    "GENEVE, another version": geneve(INNER, 0x40),
    "GENEVE, a message to its end": geneve(INNER, control=0x80),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_none_of_these_tunnels_is_left_as_it_is(name: str) -> None:
    rows, counters = decoded([LEFT[name]], 101, unwrap="gre,ipip,vxlan,geneve", block=C)
    assert rows == [] and counters == {"frames": 1, "outside": 1}


BROKEN = {
    "GRE cut in its header": (ip(47, b"\0\0\x08", destination=OUTER), "malformed"),
    "GRE without its key": (ip(47, struct.pack(">HH", 0x2000, 0x0800), destination=OUTER), "malformed"),
    "GRE that holds ARP": (gre(bytes(28), kind=0x0806), "not_ipv4"),
    "GRE that holds IPv6": (gre(b"\x60" + bytes(39), kind=0x86DD), "not_ipv4"),
    "IP in IP, nothing in it": (ip(4, b"", destination=OUTER), "malformed"),
    "IP in IP, half a header": (ip(4, INNER[:19], destination=OUTER), "malformed"),
    "VXLAN GPE, no protocol that is known": (gpe(6, ethernet(INNER), port=4789), "not_ipv4"),
    "VXLAN cut": (udp(b"\x08\0\0\0", port=4789, destination=OUTER), "malformed"),
    "VXLAN with half an Ethernet header": (
        udp(struct.pack(">BxxxI", 8, 1) + bytes(13), port=4789, destination=OUTER),
        "malformed",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_tunnel_that_holds_no_packet_is_counted_once(name: str) -> None:
    packet, counter = BROKEN[name]
    rows, counters = decoded([packet], 101, unwrap="gre,ipip,vxlan", block=C)
    assert rows == []
    assert counters["frames"] == counters[counter] == 1


def test_at_most_four_tunnels_are_taken_off() -> None:
    packets = [INNER]
    for _ in range(5):
        packets.append(ipip(packets[-1]))
    for depth in range(6):
        rows, counters = decoded([packets[depth]], 101, unwrap="ipip", block=C)
        assert [row["packet"] for row in rows] == ([INNER] if depth <= 4 else [])
        assert counters.get("unwrapped", 0) == min(depth, 4)
        assert counters.get("outside", 0) == (depth > 4)


def test_the_inner_packet_goes_no_further_than_the_outer_one_s_length() -> None:
    long = ip(17, INNER[20:], total=1000)
    [row], counters = decoded([ipip(long) + bytes(2000)], 101, unwrap="ipip", block=C)
    assert row["packet"] == long
    assert row["ip_length"] == len(long)  # there never was more on the wire
    assert counters["unwrapped"] == 1


def test_a_cut_tunnel_says_how_much_is_missing() -> None:
    packet = ipip(udp(bytes(500)))
    [row], counters = decoded([packet], 101, unwrap="ipip", block=C, cut=100)
    assert (row["ip_captured"], row["ip_length"]) == (80, 528)
    assert counters["truncated"] == 1


def test_a_quote_in_an_icmp_error_is_no_tunnel() -> None:
    [row], counters = decoded([icmp(3, 4, payload=ipip(INNER))], 101, unwrap="gre,ipip,vxlan", block=C)
    assert (row["protocol"], row["icmp_type"], row["source_port"]) == (1, 3, None)
    assert "unwrapped" not in counters


@pytest.mark.parametrize("inner", [udp(source=1, destination=2), udp(source=1)])
@pytest.mark.parametrize("unwrap", ["gre", "gre,ipip,vxlan,geneve"])
def test_what_was_sent_to_a_monitored_address_is_never_unwrapped(inner: bytes, unwrap: str) -> None:
    """A sender could hide his packet, or forge its source."""
    probes = [ip(4, inner), ip(47, b"\0\0\x08\0" + inner), udp(b"\x08\0\0\0\0\0\1\0" + ethernet(inner), port=4789)]
    for delivered in (probes, [gre(probe) for probe in probes]):
        rows, counters = decoded(delivered, 101, unwrap=unwrap, block=C)
        assert [row["packet"] for row in rows] == probes
        assert counters["stored"] == 3


def test_where_all_addresses_are_monitored_nothing_is_unwrapped() -> None:
    given = [gre(INNER), ipip(INNER), vxlan(INNER), geneve(INNER)]
    rows, counters = decoded(given, 101, unwrap="gre,ipip,vxlan,geneve")
    assert [row["packet"] for row in rows] == given and "unwrapped" not in counters
    rows, counters = decoded(given, 101, unwrap="gre,ipip,vxlan,geneve", block=C)
    assert len(rows) == counters["unwrapped"] == 4


@pytest.mark.parametrize("name", ["gre", "ipip", "vxlan", "geneve"])
def test_the_first_fragment_of_a_tunnel_s_packet_gives_its_inner_one_and_later_ones_are_counted(name: str) -> None:
    inner = tcp(b"W" * 1460)
    whole = {"gre": gre, "ipip": ipip, "vxlan": vxlan, "geneve": geneve}[name](inner)
    above = whole[20:]
    parts = [(above[:1000], 0x2000), (above[1000:1400], 0x2000 | 125), (above[1400:], 175)]
    fragments = [ip(whole[9], part, destination=OUTER, fragment=where) for part, where in parts]
    rows, counters = decoded(fragments, 101, unwrap=name, block=C)
    [row] = rows
    assert row["packet"] == inner[: len(row["packet"])] and 900 < len(row["packet"]) <= 1000
    assert (row["ip_length"], row["total_length"], row["truncated"], row["destination_port"]) == (1500, 1500, 1, 80)
    assert counters == {
        "frames": 3, "stored": 1, "outside": 2, "tunnel_fragments": 2, "unwrapped": 1, "truncated": 1,
    }  # fmt: skip
    _, counters = decoded(fragments, 101, block=C)
    assert counters == {"frames": 3, "outside": 3}


def test_fragments_to_a_monitored_address_are_stored_and_no_tunnel_s() -> None:
    rows, counters = decoded([ip(4, INNER, fragment=0x2000), ip(4, INNER, fragment=185)], 101, unwrap="ipip", block=C)
    assert len(rows) == 2 and "tunnel_fragments" not in counters
