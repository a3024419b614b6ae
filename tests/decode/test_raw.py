"""A packet isn't kept raw only where its columns give it back, octet by octet, as it came."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.records import UDP_ABSENT

from ..effort import examples
from .makers import Row, decoded, icmp, ip, only_row, summed, tcp, udp


def rebuilt(row: Row) -> bytes:
    """The packet that the columns describe, by the makers of tests."""
    payload = row["payload"] or b""
    fields = {name: row[name] for name in ("source", "destination", "ttl", "tos", "ip_id")}
    fields["fragment"] = row["ip_fragment"]
    protocol = row["protocol"]
    if row["tcp_flags"] is not None:
        options = row["tcp_options"] or b""
        head = struct.pack(
            ">HHIIHHHH", row["source_port"], row["destination_port"], row["tcp_sequence"], row["tcp_acknowledgment"],
            5 + len(options) // 4 << 12 | row["tcp_flags"], row["tcp_window"], 0, row["tcp_urgent"],
        )  # fmt: skip
        return ip(6, summed(6, head + options + payload, 16, **fields), **fields)
    if row["icmp_type"] is not None:
        head = struct.pack(">BBHI", row["icmp_type"], row["icmp_code"], 0, row["icmp_rest"])
        return ip(1, summed(1, head + payload, 2), **fields)
    if protocol == 17 and row["source_port"] is not None:
        above = struct.pack(">HHHH", row["source_port"], row["destination_port"], 8 + len(payload), 0) + payload
        return ip(17, above if row["checksum"] & UDP_ABSENT else summed(17, above, 6, **fields), **fields)
    return ip(protocol, payload, **fields)


ORDINARY = {
    "TCP": tcp(b"GET /", options=b"\2\4\5\xb4", ttl=3, tos=8),
    "TCP without data": tcp(),
    "UDP": udp(b"odd"),
    "UDP without a checksum": udp(b"abc")[:26] + b"\0\0abc",
    "ICMP": icmp(3, 1, 7, tcp()),
    "SCTP": ip(132, bytes(12)),
    "a later fragment": ip(6, b"middle", fragment=0x2005),
    "another protocol": ip(47, b"anything"),
}
ODD = {
    "IP options": ip(47, b"x", options=4),
    "a total length of 0": tcp(b"x", total=0),
    "a total length beyond the packet": udp(b"x", total=90),
    "a wrong IP checksum": tcp(sum=1),
    "a wrong transport checksum": tcp()[:36] + b"\0\1" + tcp()[38:],
    "a header that is cut": ip(6, bytes(19)),
    "a first fragment": ip(17, udp(b"x")[20:], fragment=0x2000),
    "a reserved bit": tcp(flags=2 | 0x800),
    "a UDP length that lies": udp(b"abc", length=9),
    "ones where a UDP checksum is none": udp(b"x", length=0),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_what_most_send_is_given_back_by_its_columns(name: str) -> None:
    row = only_row(ORDINARY[name])
    assert row["raw"] == 0
    assert rebuilt(row) == ORDINARY[name]


@pytest.mark.parametrize("name", ODD)
def test_what_columns_can_t_say_is_kept_raw(name: str) -> None:
    row = only_row(ODD[name])
    assert row["raw"] == 1
    if name not in ("a header that is cut", "a first fragment"):
        assert rebuilt(row) != row["packet"]


@pytest.mark.parametrize("cut", [20, 28, 39, 44])
def test_what_the_capture_cut_is_kept_raw(cut: int) -> None:
    assert only_row(tcp(b"GET /"), cut)["raw"] == 1


ANY = {
    "ttl": st.integers(0, 255), "tos": st.integers(0, 255), "ip_id": st.integers(0, 0xFFFF),
    "fragment": st.sampled_from([0, 0, 0x4000, 0x8000, 0x2000, 1, 0x2001]),
    "options": st.sampled_from([0, 0, 0, 4]),
}  # fmt: skip


@given(
    st.fixed_dictionaries(ANY), st.sampled_from([1, 6, 6, 17, 17, 132, 47]), st.binary(max_size=50),
    st.sampled_from([None, None, 0, 20, 28, 40, 48, 60]), st.integers(-1, 70), st.integers(0, 255), st.booleans(),
)  # fmt: skip
@settings(max_examples=examples(1500, 300))
def test_no_packet_is_lost_to_its_columns(
    fields: dict[str, int], protocol: int, content: bytes, total: int | None, place: int, value: int, right: bool
) -> None:
    """Octets, some changed after their checksums were made: either they are kept raw, or they are rebuilt."""
    no_options = {name: value for name, value in fields.items() if name != "options"}  # those of IP
    made = {
        1: lambda: icmp(8, 0, 5, content, **fields),
        6: lambda: tcp(content, options=content[: len(content) & 0x1C], **no_options),
        17: lambda: udp(content, **fields),
    }.get(protocol, lambda: ip(protocol, content, **fields))()
    if total is not None:
        made = ip(protocol, made[20:], **no_options, total=total)
    if 0 <= place < len(made):
        made = made[:place] + bytes([value]) + made[place + 1 :]
    if right and len(made) >= 20:
        made = made[:10] + summed(1, made[:20], 10)[10:12] + made[12:]
    rows, _ = decoded([made], 101)
    for row in rows:
        if not row["raw"]:
            assert rebuilt(row) == row["packet"] == made[: row["total_length"]]
