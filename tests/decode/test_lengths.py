"""Columns for lengths: null where other columns give them, which is nearly always."""

from __future__ import annotations

from ims.records import LENGTHS

from .makers import icmp, ip, only_row, tcp, udp


def test_lengths_that_other_columns_give_are_null() -> None:
    for packet in (tcp(b"data"), udp(b"abc"), icmp(), ip(47, b"gre"), udp(b"")):
        row = only_row(packet + b"trailer")
        assert [row[name] for name in LENGTHS] == [None] * 4


def test_lengths_that_other_columns_do_not_give_are_kept() -> None:
    def lengths(packet: bytes, cut: int | None = None) -> list[int | None]:
        return [only_row(packet, cut)[name] for name in LENGTHS]

    assert lengths(ip(47, b"gre", options=8)) == [28, None, None, None]
    assert lengths(icmp(total=60)) == [20, None, None, 32]  # more than was sent: those aren't IP options
    assert lengths(tcp(flags=2 | 0x600)) == [None, 0x56, None, None]
    assert lengths(tcp(b"data", options=b"\2\4\5\xb4"), 43) == [None, 0x60, None, None]
    assert lengths(udp(b"abcdef", length=9)) == [None, None, 9, None]
    assert lengths(ip(17, udp(b"abcdef")[20:] + b"more")) == [None, None, 14, None]  # where the datagram ends
    assert lengths(udp(b"abcdef"), 28) == [None, None, 14, None]
    assert lengths(tcp(b"data", total=0)) == [None, None, None, 44]
    assert lengths(tcp(b"data", total=0), 41) == [None, None, None, 44]
