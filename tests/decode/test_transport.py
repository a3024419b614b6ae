"""TCP, UDP and ICMP: lengths are believed as far as the capture goes, quotes aren't headers, checksums are judged."""

from __future__ import annotations

import pytest

from ims.records import IP_WRONG, TRANSPORT_UNVERIFIED, TRANSPORT_WRONG, UDP_ABSENT

from .makers import decoded, icmp, ip, only_row, tcp, udp

TCP_FIELDS = ("tcp_flags", "tcp_sequence", "tcp_acknowledgment", "tcp_window", "tcp_urgent")


def changed(packet: bytes, at: int, octets: bytes) -> bytes:
    return packet[:at] + octets + packet[at + len(octets) :]


def test_tcp_s_fields() -> None:
    row = only_row(tcp(b"data", flags=0x1FF, options=b"\2\4\5\xb4\1\1\1\0", ttl=3, tos=0x28, ip_id=0xABCD))
    assert [row[name] for name in TCP_FIELDS] == [0x1FF, 7, 8, 1024, 3]
    assert (row["source_port"], row["destination_port"]) == (1025, 80)
    assert (row["ttl"], row["tos"], row["ip_id"], row["protocol"]) == (3, 0x28, 0xABCD, 6)
    assert row["tcp_options"] == b"\2\4\5\xb4\1\1\1\0"
    assert (row["payload"], row["payload_length"], row["total_length"]) == (b"data", 4, 52)
    assert (row["checksum"], row["raw"], row["icmp_type"]) == (0, 0, None)


def test_icmp_s_fields() -> None:
    row = only_row(icmp(11, 1, 0x01020304, b"quote"))
    assert (row["icmp_type"], row["icmp_code"], row["icmp_rest"]) == (11, 1, 0x01020304)
    assert (row["payload"], row["source_port"], row["tcp_flags"], row["tcp_options"]) == (b"quote", None, None, None)
    assert (row["checksum"], row["raw"]) == (0, 0)


def test_other_protocols_payload_is_all_after_the_ip_header() -> None:
    row = only_row(ip(47, b"anything", options=8))
    assert (row["payload"], row["source_port"], row["checksum"]) == (b"anything", None, 0)
    assert row["raw"] == 1  # IP options have no column


@pytest.mark.parametrize("quoted", [tcp(b"x"), udp(b"x")])
@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_a_quoted_header_is_never_the_packet_s_own(kind: int, quoted: bytes) -> None:
    row = only_row(icmp(kind, 0, 0, quoted))
    assert row["source_port"] is row["destination_port"] is row["tcp_flags"] is row["tcp_sequence"] is None
    assert row["payload"] == quoted


def test_of_fragments_the_first_has_ports_and_later_ones_payload_only() -> None:
    whole = udp(b"a" * 100)
    [first, later, last], counters = decoded(
        [ip(17, whole[20:52], fragment=0x2000), ip(17, b"b" * 32, fragment=0x2004), ip(17, b"c" * 9, fragment=8)], 101
    )
    assert (first["source_port"], first["payload"]) == (1025, b"a" * 24)
    assert later["source_port"] is last["source_port"] is None
    assert (later["payload"], last["payload"]) == (b"b" * 32, b"c" * 9)
    assert [row["checksum"] for row in (first, later, last)] == [TRANSPORT_UNVERIFIED] * 3
    assert counters == {"frames": 3, "stored": 3, "fragments": 3}
    assert [row["ip_fragment"] for row in (first, later, last)] == [0x2000, 0x2004, 8]


@pytest.mark.parametrize(
    ("length", "payload"), [(8, None), (11, b"abc"), (14, b"abcdef"), (15, b"abcdef"), (65_535, b"abcdef")]
)
def test_a_udp_length_is_believed_as_far_as_there_is_something(length: int, payload: bytes | None) -> None:
    row = only_row(udp(b"abcdef", length=length))
    assert row["payload"] == payload
    assert row["raw"] == (length != 14)
    assert row["udp_length"] == (None if length == 14 else length)


def test_octets_behind_the_packet_aren_t_its_own() -> None:
    packet = tcp(b"")
    row = only_row(packet + b"trailer")
    assert (row["payload"], row["packet"], row["checksum"], row["raw"]) == (None, packet, 0, 0)


def test_a_total_length_beyond_the_frame_is_not_believed() -> None:
    row = only_row(ip(17, udp(b"abc")[20:], total=900))
    assert (row["payload"], row["total_length"], row["ip_captured"], row["raw"]) == (b"abc", 900, 31, 1)
    assert row["checksum"] & TRANSPORT_UNVERIFIED


SUMS = {
    "TCP": (tcp(b"odd"), 36),
    "UDP": (udp(b"odd"), 26),
    "ICMP": (icmp(payload=b"odd"), 22),
    "IP": (tcp(b"odd"), 10),
}


@pytest.mark.parametrize("name", SUMS)
def test_a_wrong_checksum_is_recorded_and_its_packet_kept(name: str) -> None:
    packet, at = SUMS[name]
    assert (only_row(packet)["checksum"], only_row(packet)["raw"]) == (0, 0)
    for wrong in (b"\0\1", b"\xff\xfe"):
        [row], counters = decoded([changed(packet, at, wrong)], 101)
        assert row["checksum"] == (IP_WRONG if name == "IP" else TRANSPORT_WRONG)
        assert (row["raw"], counters["checksum_wrong"]) == (1, 1)


def test_udp_may_have_no_checksum() -> None:
    row = only_row(changed(udp(b"abc"), 26, b"\0\0"))
    assert (row["checksum"], row["raw"]) == (UDP_ABSENT, 0)


def test_reserved_bits_have_no_column() -> None:
    assert only_row(tcp(flags=2 | 0x200))["raw"] == 1
    assert only_row(tcp(flags=2 | 0x100))["raw"] == 0


def test_sctp_has_ports_and_its_payload_is_all_after_the_ip_header() -> None:
    sctp = b"\x0b\x59\x0b\x5a" + bytes(8)
    [whole, cut, first, later], _ = decoded(
        [ip(132, sctp), ip(132, sctp[:3]), ip(132, sctp, fragment=0x2000), ip(132, sctp, fragment=2)], 101
    )
    assert (whole["source_port"], whole["destination_port"], whole["payload"]) == (2905, 2906, sctp)
    assert (whole["category"], whole["raw"], whole["checksum"]) == ("other", 0, 0)
    assert (first["source_port"], cut["source_port"], later["source_port"]) == (2905, None, None)
