"""Endpoints as people write them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.settings.endpoints import endpoint_of

from ..effort import examples


@given(st.ip_addresses(), st.integers(1, 65535))
@settings(max_examples=examples(200, 40))
def test_what_is_written_as_people_write_it_is_read(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    written = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
    assert endpoint_of(written) == (str(address), port)


@pytest.mark.parametrize(
    ("one", "other"), [("[::1]:9", "[0:0:0:0:0:0:0:1]:9"), ("[2001:DB8::A]:80", "[2001:db8::a]:80")]
)
def test_one_address_written_in_two_ways_is_one(one: str, other: str) -> None:
    assert endpoint_of(one) == endpoint_of(other)


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "127.0.0.1", "127.0.0.1:", ":9477", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1",
        "localhost:9477", "127.0.0.1:http", "127.0.0.01:80", "127.0.0:80", "127.0.0.1/32:80", "[::1]",
    ],
)  # fmt: skip
def test_what_is_no_address_and_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"an address and a port, such as 127\.0\.0\.1:9477$"):
        endpoint_of(text)


@given(st.text(alphabet="0123456789.:[]%ax- ", max_size=30))
@settings(max_examples=examples(500, 100))
def test_any_text_is_an_endpoint_or_a_value_error_in_one_line(text: str) -> None:
    try:
        address, port = endpoint_of(text)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert str(ipaddress.ip_address(address)) == address
        assert 1 <= port <= 65535
