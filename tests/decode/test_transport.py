"""TCP, UDP and ICMP: lengths are believed as far as the capture goes, quotes aren't headers, checksums are judged."""

from __future__ import annotations

import pytest

from ims.records import IP_WRONG, LENGTHS, TRANSPORT_UNVERIFIED, TRANSPORT_WRONG, UDP_ABSENT

from .makers import Row, decoded, icmp, ip, tcp, udp

TCP_FIELDS = ("tcp_flags", "tcp_sequence", "tcp_acknowledgment", "tcp_window", "tcp_urgent")


# Protocol, and the octets of its header that are needed to know the column.
NEEDED = {
    "tcp_sequence": (6, 8), "tcp_acknowledgment": (6, 12), "tcp_flags": (6, 14), "tcp_window": (6, 16),
    "tcp_urgent": (6, 20), "icmp_type": (1, 1), "icmp_code": (1, 2), "icmp_rest": (1, 8),
}  # fmt: skip


def there_is(packet: bytes, cut: int) -> bool:
    """What tells a packet's category is captured: TCP's flags, UDP's ports, ICMP's type."""
    return cut - 20 >= {6: 14, 17: 4, 1: 1}[packet[9]]


def row_of(packet: bytes, cut: int | None = None) -> Row:
    [row], _ = decoded([packet], 101, cut=cut)
    return row


def changed(packet: bytes, at: int, octets: bytes) -> bytes:
    return packet[:at] + octets + packet[at + len(octets) :]


def test_tcp_s_fields() -> None:
    row = row_of(tcp(b"data", flags=0x1FF, options=b"\2\4\5\xb4\1\1\1\0", ttl=3, tos=0x28, ip_id=0xABCD))
    assert [row[name] for name in TCP_FIELDS] == [0x1FF, 7, 8, 1024, 3]
    assert (row["source_port"], row["destination_port"]) == (1025, 80)
    assert (row["ttl"], row["tos"], row["ip_id"], row["protocol"]) == (3, 0x28, 0xABCD, 6)
    assert row["tcp_options"] == b"\2\4\5\xb4\1\1\1\0"
    assert (row["payload"], row["payload_length"], row["total_length"]) == (b"data", 4, 52)
    assert (row["checksum"], row["raw"], row["icmp_type"]) == (0, 0, None)


def test_icmp_s_fields() -> None:
    row = row_of(icmp(11, 1, 0x01020304, b"quote"))
    assert (row["icmp_type"], row["icmp_code"], row["icmp_rest"]) == (11, 1, 0x01020304)
    assert (row["payload"], row["source_port"], row["tcp_flags"], row["tcp_options"]) == (b"quote", None, None, None)
    assert (row["checksum"], row["raw"]) == (0, 0)


def test_other_protocols_payload_is_all_after_the_ip_header() -> None:
    row = row_of(ip(47, b"anything", options=8))
    assert (row["payload"], row["source_port"], row["checksum"]) == (b"anything", None, 0)
    assert row["raw"] == 1  # IP options have no column


@pytest.mark.parametrize("quoted", [tcp(b"x"), udp(b"x")])
@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_a_quoted_header_is_never_the_packet_s_own(kind: int, quoted: bytes) -> None:
    row = row_of(icmp(kind, 0, 0, quoted))
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


@pytest.mark.parametrize("offset", [0, 1, 4, 15])
def test_a_tcp_header_length_that_lies_is_not_believed(offset: int) -> None:
    [row], counters = decoded([tcp(b"12345678", offset=offset)], 101)
    assert counters["transport_malformed"] == 1
    assert (row["source_port"], row["destination_port"]) == (1025, 80)  # these are where they are in any case
    assert [row[name] for name in TCP_FIELDS] == [2, 7, 8, 1024, 3]
    assert (row["tcp_offset"], row["category"]) == (offset << 4, "scan")
    assert row["payload"] is row["tcp_options"] is None  # as tcpdump and tshark: what follows isn't anybody's data
    assert (row["checksum"], row["raw"]) == (TRANSPORT_UNVERIFIED, 1)


@pytest.mark.parametrize(
    ("length", "payload"), [(8, None), (11, b"abc"), (14, b"abcdef"), (15, b"abcdef"), (65_535, b"abcdef")]
)
def test_a_udp_length_is_believed_as_far_as_there_is_something(length: int, payload: bytes | None) -> None:
    row = row_of(udp(b"abcdef", length=length))
    assert row["payload"] == payload
    assert row["raw"] == (length != 14)
    assert row["udp_length"] == (None if length == 14 else length)


@pytest.mark.parametrize("length", [1, 7])
def test_a_udp_length_below_its_header_s_is_malformed(length: int) -> None:
    [row], counters = decoded([udp(b"abcdef", length=length)], 101)
    assert (counters["transport_malformed"], row["payload"], row["source_port"]) == (1, None, 1025)
    assert (row["udp_length"], row["category"]) == (length, "udp")


@pytest.mark.parametrize(
    "packet",
    [tcp(b"payload!"), tcp(b"payload!", 0x12, b"\2\4\5\xb4\1\1\1\0"), udp(b"payload!"), icmp(payload=b"payload!")],
)
def test_cut_anywhere_only_what_was_captured_is_taken(packet: bytes) -> None:
    whole = row_of(packet)
    header = len(packet) - 8
    for cut in range(20, len(packet)):
        row = row_of(packet, cut)
        assert row["truncated"] == 1 and row["raw"] == 1
        assert (row["ip_captured"], row["ip_length"], row["total_length"]) == (cut, len(packet), len(packet))
        assert row["checksum"] & TRANSPORT_UNVERIFIED
        assert row["payload"] == (whole["payload"][: cut - header] or None if cut >= header else None)
        for name, (protocol, needed) in NEEDED.items():
            there = packet[9] == protocol and cut - 20 >= needed
            assert (row[name] == whole[name]) if there else row[name] is None, (name, cut)
        known = there_is(packet, cut)
        assert row["category"] == (whole["category"] if known else "other")
        assert (row["udp_length"] is not None) == (packet[9] == 17 and cut >= 26)
        assert (row["tcp_options"] is not None) == (packet[9] == 6 and cut >= header)
        assert (row["source_port"] is None) == (packet[9] == 1 or cut < 24)


def test_a_later_fragment_cut_in_its_ip_options_has_no_payload() -> None:
    [row], counters = decoded([ip(6, bytes(40), options=40, fragment=5)], 101, cut=30)
    assert (row["payload"], row["payload_length"], row["ip_header_length"]) == (None, 0, 60)
    assert counters == {"frames": 1, "stored": 1, "fragments": 1, "truncated": 1}


def test_octets_behind_the_packet_aren_t_its_own() -> None:
    packet = tcp(b"")
    row = row_of(packet + b"trailer")
    assert (row["payload"], row["packet"], row["checksum"], row["raw"]) == (None, packet, 0, 0)


def test_a_total_length_beyond_the_frame_is_not_believed() -> None:
    row = row_of(ip(17, udp(b"abc")[20:], total=900))
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
    assert (row_of(packet)["checksum"], row_of(packet)["raw"]) == (0, 0)
    for wrong in (b"\0\1", b"\xff\xfe"):
        [row], counters = decoded([changed(packet, at, wrong)], 101)
        assert row["checksum"] == (IP_WRONG if name == "IP" else TRANSPORT_WRONG)
        assert (row["raw"], counters["checksum_wrong"]) == (1, 1)


def test_udp_may_have_no_checksum() -> None:
    row = row_of(changed(udp(b"abc"), 26, b"\0\0"))
    assert (row["checksum"], row["raw"]) == (UDP_ABSENT, 0)


def test_reserved_bits_have_no_column() -> None:
    assert row_of(tcp(flags=2 | 0x200))["raw"] == 1
    assert row_of(tcp(flags=2 | 0x100))["raw"] == 0


def test_lengths_that_other_columns_give_are_null() -> None:
    for packet in (tcp(b"data"), udp(b"abc"), icmp(), ip(47, b"gre"), udp(b"")):
        row = row_of(packet + b"trailer")
        assert [row[name] for name in LENGTHS] == [None] * 4


def test_lengths_that_other_columns_do_not_give_are_kept() -> None:
    def lengths(packet: bytes, cut: int | None = None) -> list[int | None]:
        return [row_of(packet, cut)[name] for name in LENGTHS]

    assert lengths(ip(47, b"gre", options=8)) == [28, None, None, None]
    assert lengths(icmp(total=60)) == [20, None, None, None]  # more than was sent: those aren't IP options
    assert lengths(tcp(flags=2 | 0x600)) == [None, 0x56, None, None]
    assert lengths(tcp(b"data", options=b"\2\4\5\xb4"), 43) == [None, 0x60, None, None]
    assert lengths(udp(b"abcdef", length=9)) == [None, None, 9, None]
    assert lengths(ip(17, udp(b"abcdef")[20:] + b"more")) == [None, None, 14, None]  # where the datagram ends
    assert lengths(udp(b"abcdef"), 28) == [None, None, 14, None]
    assert lengths(tcp(b"data", total=0)) == [None, None, None, 44]
    assert lengths(tcp(b"data", total=0), 41) == [None, None, None, 44]


@pytest.mark.parametrize("cut", [20, 21, 24, 59])
@pytest.mark.parametrize("protocol", [6, 17, 1, 132, 47])
def test_ip_options_may_be_cut(cut: int, protocol: int) -> None:
    [row], counters = decoded([ip(protocol, bytes(20), options=40)], 101, cut=cut)
    assert (row["ip_header_length"], row["protocol"], row["truncated"], row["raw"]) == (60, protocol, 1, 1)
    assert (row["checksum"] & IP_WRONG, row["payload"], row["source_port"]) == (0, None, None)
    assert counters["stored"] == counters["truncated"] == 1


def test_ip_options_may_be_claimed_only() -> None:
    [row], counters = decoded([ip(6, b"", options=40)[:24]], 101)
    assert (row["ip_header_length"], row["truncated"], counters["stored"]) == (60, 0, 1)
    assert decoded([ip(6, b"", options=40)[:19]], 101)[1]["malformed"] == 1


def test_sctp_has_ports_and_its_payload_is_all_after_the_ip_header() -> None:
    sctp = b"\x0b\x59\x0b\x5a" + bytes(8)
    [whole, cut, first, later], _ = decoded(
        [ip(132, sctp), ip(132, sctp[:3]), ip(132, sctp, fragment=0x2000), ip(132, sctp, fragment=2)], 101
    )
    assert (whole["source_port"], whole["destination_port"], whole["payload"]) == (2905, 2906, sctp)
    assert (whole["category"], whole["raw"], whole["checksum"]) == ("other", 0, 0)
    assert (first["source_port"], cut["source_port"], later["source_port"]) == (2905, None, None)


@pytest.mark.parametrize("kind", [8, 3])
def test_icmp_cut_after_its_type_has_its_category(kind: int) -> None:
    row = row_of(icmp(kind), 21)
    assert (row["icmp_type"], row["icmp_code"], row["icmp_rest"]) == (kind, None, None)
    assert row["category"] == ("scan" if kind == 8 else "backscatter")
