"""Qualifiers and an id together: networks as `ipaddress` has them, ports and protocols in range, one line where not."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Token, Tree

from ims.query.language.errors import FilterError
from ims.query.language.filter import parse
from ims.query.language.qualifiers import Qualifiers, identify, number_of
from ims.query.language.syntax_tree import Net, Nothing, Port, Protocol

from ...effort import examples

NET = Qualifiers(None, "either", "net")


def token(text: str) -> Token:
    return Token("NUMBER", text, start_pos=0)


def id_of(form: str, *parts: str) -> Any:
    return Tree(form, [token(part) for part in parts])


def net_of(text: str) -> Net:
    tree = parse(text)
    assert isinstance(tree, Net)
    return tree


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
@settings(max_examples=examples(300, 80))
def test_networks_are_ipaddress_s(address: int, bits: int) -> None:
    network = ipaddress.IPv4Network((address, bits), strict=False)
    for text in (f"{network}", f"{network.network_address} mask {network.netmask}"):
        found = net_of(f"net {text}")
        assert (found.address, found.mask) == (int(network.network_address), int(network.netmask))
        assert found.prefix == bits
    if address != int(network.network_address):
        with pytest.raises(
            FilterError, match=rf"non-network bits set in .*; meant (net|host) {network.network_address}"
        ):
            parse(f"net {ipaddress.IPv4Address(address)}/{bits}")


@given(st.lists(st.integers(0, 255), min_size=2, max_size=4))
def test_an_address_of_fewer_parts_is_a_network_of_as_many_octets(parts: list[int]) -> None:
    network = ipaddress.IPv4Network((bytes(parts).ljust(4, b"\0"), 8 * len(parts)))
    found = net_of("src net " + ".".join(map(str, parts)))
    assert (found.address, found.mask) == (int(network.network_address), int(network.netmask))


@given(st.integers(0, 2**34), st.sampled_from(["{:d}", "0x{:x}", "0X{:X}", "0{:o}"]))
def test_numbers_are_c_s(number: int, form: str) -> None:
    text = form.format(number)
    if number < 1 << 32:
        assert number_of(token(text), text) == number
    else:
        with pytest.raises(FilterError, match="more than 32 bits"):
            number_of(token(text), text)


@pytest.mark.parametrize("text", ["08", "09", "0189"])
def test_a_number_with_a_leading_0_is_octal_or_none(text: str) -> None:
    with pytest.raises(FilterError, match="a leading 0 means octal"):
        number_of(token(text), text)


def test_a_port_s_name_brings_the_protocol_that_it_is_known_for() -> None:
    assert parse("port http") == Port("either", 80, 80, 6)
    assert parse("dst port domain") == Port("destination", 53, 53, None)
    assert parse("udp src port domain") == Port("source", 53, 53, 17)
    assert parse("portrange domain-http") == Port("either", 53, 80, None)
    assert parse("portrange 1024-1") == Port("either", 1, 1024, None)
    assert parse("portrange ftp-data-netbios-ssn") == Port("either", 20, 139, 6)
    with pytest.raises(FilterError, match="port 'http' is tcp, not udp"):
        parse("udp port http")


def test_protocols_of_which_nothing_is_stored_take_whatever_is_right() -> None:
    assert parse("ip6 proto 6") == parse("arp host 10.0.0.1") == Nothing()
    assert parse("ip proto gre") == Protocol(47)
    for text in ("ip6 proto 256", "arp host 10.0.0.0/8"):
        with pytest.raises(FilterError, match=r"no IP protocol|a mask goes with net"):
            parse(text)


@given(
    st.sampled_from(["host", "net", "port", "portrange", "proto"]), st.from_regex(r"[0-9a-z.\-]{1,20}", fullmatch=True)
)
@settings(max_examples=examples(500, 100))
def test_any_id_is_identified_or_refused(kind: str, text: str) -> None:
    """Whatever name a scanner might let by."""
    try:
        found = identify(Qualifiers(None, "either", kind), id_of("name", text), text)
    except FilterError as error:
        assert str(error).startswith("filter, column 1: ") and str(error).isprintable()
        return
    assert str(found) and parse(str(found)) == found
