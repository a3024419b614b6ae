"""Transport headers that are cut, or lie about their length: what is there is kept, and nothing behind them."""

from __future__ import annotations

import pytest

from ims.records import TRANSPORT_UNVERIFIED

from .makers import decoded, icmp, only_row, tcp, udp

TCP_FIELDS = ("tcp_flags", "tcp_sequence", "tcp_acknowledgment", "tcp_window", "tcp_urgent")

# Protocol, and the octets of its header that are needed to know the column.
NEEDED = {
    "tcp_sequence": (6, 8), "tcp_acknowledgment": (6, 12), "tcp_flags": (6, 14), "tcp_window": (6, 16),
    "tcp_urgent": (6, 20), "icmp_type": (1, 1), "icmp_code": (1, 2), "icmp_rest": (1, 8),
}  # fmt: skip


def there_is(packet: bytes, cut: int) -> bool:
    """What tells a packet's category is captured: TCP's flags, UDP's ports, ICMP's type."""
    return cut - 20 >= {6: 14, 17: 4, 1: 1}[packet[9]]


@pytest.mark.parametrize("offset", [0, 1, 4, 15])
def test_a_tcp_header_length_that_lies_is_not_believed(offset: int) -> None:
    [row], counters = decoded([tcp(b"12345678", offset=offset)], 101)
    assert counters["transport_malformed"] == 1
    assert (row["source_port"], row["destination_port"]) == (1025, 80)  # these are where they are in any case
    assert [row[name] for name in TCP_FIELDS] == [2, 7, 8, 1024, 3]
    assert (row["tcp_offset"], row["category"]) == (offset << 4, "scan")
    assert row["payload"] is row["tcp_options"] is None  # as tcpdump and tshark: what follows isn't anybody's data
    assert (row["checksum"], row["raw"]) == (TRANSPORT_UNVERIFIED, 1)


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
    whole = only_row(packet)
    header = len(packet) - 8
    for cut in range(20, len(packet)):
        row = only_row(packet, cut)
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


@pytest.mark.parametrize("kind", [8, 3])
def test_icmp_cut_after_its_type_has_its_category(kind: int) -> None:
    row = only_row(icmp(kind), 21)
    assert (row["icmp_type"], row["icmp_code"], row["icmp_rest"]) == (kind, None, None)
    assert row["category"] == ("scan" if kind == 8 else "backscatter")
