"""The category of a packet, row by row of the table in decode/category.py."""

from __future__ import annotations

import pytest

from ims.decode.category import TABLE
from ims.records import CATEGORIES

from .makers import decoded, icmp, ip, tcp, udp

FIN, SYN, RST, PUSH, ACK = 1, 2, 4, 8, 16


def by_table(flags: int) -> str:
    if flags & RST or flags & (SYN | ACK) == SYN | ACK:
        return "backscatter"
    return "session" if flags & ACK else "scan"


def test_every_combination_of_tcp_flags() -> None:
    rows, _ = decoded([tcp(flags=flags) for flags in range(512)], 101)
    assert [row["category"] for row in rows] == [by_table(flags) for flags in range(512)]
    assert by_table(SYN) == by_table(0) == by_table(FIN | PUSH | 32) == by_table(FIN) == "scan"


def test_every_icmp_type() -> None:
    rows, _ = decoded([icmp(kind) for kind in range(256)], 101)
    asks, answers = {8, 13, 15, 17}, {0, 3, 4, 5, 11, 12, 14, 16, 18}
    wanted = ["scan" if k in asks else "backscatter" if k in answers else "other" for k in range(256)]
    assert [row["category"] for row in rows] == wanted


@pytest.mark.parametrize(
    ("packet", "category"),
    [
        (udp(b"?"), "udp"),
        (udp(b""), "udp"),
        (ip(47, b"x"), "other"),
        (ip(2, bytes(8)), "other"),
        (ip(17, b"x" * 16, fragment=4), "other"),
        (ip(6, b"x" * 16, fragment=4), "other"),
        (ip(6, bytes(12)), "other"),
        (ip(17, bytes(4)), "udp"),  # its ports are there
        (ip(17, bytes(3)), "other"),
        (tcp(b"fast open"), "scan"),
    ],
)
def test_all_else(packet: bytes, category: str) -> None:
    [row], _ = decoded([packet], 101)
    assert row["category"] == category


def test_the_table_names_categories() -> None:
    assert {row[0] for row in TABLE} == set(CATEGORIES)
