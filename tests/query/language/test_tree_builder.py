"""What parse trees mean: quoted texts, constants, and ids that take the qualifiers left of them."""

from __future__ import annotations

import pytest

from ims.query.language.filter import FilterError, parse
from ims.query.language.grammar import parser
from ims.query.language.syntax_tree import (
    And,
    Arithmetic,
    Compare,
    Contains,
    Named,
    Not,
    Number,
    Octets,
    Or,
    Port,
    Protocol,
)
from ims.query.language.tree_builder import nesting


@pytest.mark.parametrize(
    ("quoted", "name"),
    [("'a\"b'", 'a"b'), ('"a\'b"', "a'b"), ("'it\\'s'", "it's"), ("'; DROP TABLE packets; --'", "; DROP TABLE packets; --"),
     ("'\\x41\\x42'", "AB"), ("'ä日'", "ä日"), ("'a\\\\b'", "a\\b"), ("'%_*?'", "%_*?"), ("'and'", "and")],
)  # fmt: skip
def test_a_quoted_name_is_itself(quoted: str, name: str) -> None:
    tree = parse(f"sensor {quoted}")
    assert tree == Named("sensor", name)
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(
    ("quoted", "octets"),
    [
        (r"'\n\r\t\0\x7f\xFF\'\"\\\q'", b"\n\r\t\0\x7f\xff'\"\\q"),
        ('"\udcff\0\x1b"', b"\xff\0\x1b"),
        ("'ä'", "ä".encode()),
        ("0x00fF", b"\0\xff"),
    ],
)
def test_a_quoted_payload_is_octets(quoted: str, octets: bytes) -> None:
    assert parse(f"payload contains {quoted}") == Contains(octets)


def test_an_id_alone_takes_the_qualifiers_left_of_it() -> None:
    web, tls = Port("destination", 80, 80, 6), Port("destination", 443, 443, 6)
    assert parse("tcp dst port 80 or 443") == parse("tcp dst port (80 or 443)") == Or((web, tls))
    assert parse("tcp dst port 80 and not 443") == And((web, Not(tls)))
    assert parse("src net 10 or 11") == Or((parse("src net 10"), parse("src net 11")))


def test_what_parentheses_hold_does_not_reach_behind_them() -> None:
    """The example of libpcap's grammar: 443 is a port, not a host."""
    inner = And((parse("host 10.0.0.1"), Protocol(6)))
    assert parse("port 80 or (host 10.0.0.1 and tcp) or 443") == Or((parse("port 80"), inner, parse("port 443")))
    with pytest.raises(FilterError, match="can't stand alone"):
        parse("(port 80) or 443")


def test_and_and_or_go_left_to_right_and_a_chain_of_one_is_one_node() -> None:
    tcp, udp, icmp = Protocol(6), Protocol(17), Protocol(1)
    assert parse("tcp or udp or icmp") == Or((tcp, udp, icmp))
    assert parse("tcp or udp and icmp") == And((Or((tcp, udp)), icmp))
    assert parse("tcp and udp or icmp") == Or((And((tcp, udp)), icmp))
    assert parse("tcp or (udp and icmp)") == Or((tcp, And((udp, icmp))))


def test_constants_are_worked_out_and_what_a_packet_has_is_not() -> None:
    assert parse("ip[8] = 1 + 2 * 3") == Compare("=", Octets("ip", 8, 1), Number(7))
    assert parse("ttl = - 1") == Compare("=", Octets("ip", 8, 1), Number(0xFFFF_FFFF))
    assert parse("tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn") == Compare(
        "=", Arithmetic("&", Octets("tcp", 13, 1), Number(18)), Number(2)
    )
    with pytest.raises(FilterError, match="division by zero"):
        parse("ip[8] = 1 / (3 - 3)")


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("tcp", 1),
        ("((tcp))", 1),
        ("not tcp", 2),
        (" or ".join(["tcp"] * 100), 2),
        ("tcp or udp and icmp", 3),
        ("not not not tcp", 4),
    ],
)
def test_nesting_counts_a_chain_once_and_parentheses_not_at_all(text: str, levels: int) -> None:
    assert nesting(parser().parse(text)) == levels
