"""Words for tunnels: with ports or without, refused where they are none."""

from __future__ import annotations

import pytest

from ims.unwrap import parse_unwrap, udp_ports, unwrap_of


def test_a_port_is_said_with_a_colon_or_an_equals_sign() -> None:
    assert parse_unwrap("vxlan:8472") == parse_unwrap(" vxlan=8472 , vxlan:8472") != parse_unwrap("vxlan")
    assert parse_unwrap("vxlan") == parse_unwrap("vxlan:4789")
    assert parse_unwrap("geneve") == parse_unwrap("geneve:6081") != parse_unwrap("vxlan:6081")
    assert parse_unwrap("") == parse_unwrap(",") == 0


def test_words_may_be_repeated_and_come_in_any_number_of_ports_up_to_three() -> None:
    assert unwrap_of(["gre", "gre", "ipip"]) == parse_unwrap("ipip,gre")
    assert udp_ports(["gre", "vxlan", "vxlan:8472", "geneve"]) == [4789, 8472, 6081]
    assert parse_unwrap("vxlan,vxlan:8472,geneve") < 1 << 63
    with pytest.raises(ValueError, match="4 ports of tunnels over UDP; at most 3"):
        parse_unwrap("vxlan:1,vxlan:2,vxlan:3,geneve")


def test_two_tunnels_of_one_port_are_refused() -> None:
    with pytest.raises(ValueError, match=r"--unwrap: tunnel 'geneve:4789': port 4789 is another tunnel's already"):
        parse_unwrap("vxlan,geneve:4789")


@pytest.mark.parametrize(
    "text", ["sit", "gre:47", "vxlan:", "vxlan:0", "vxlan:65536", "vxlan:0000080000", "vxlan:x", "vxlan:-1", "VXLAN"]
)
def test_what_is_no_tunnel_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"--unwrap: (no such tunnel|tunnel '.*': expected a port)"):
        parse_unwrap(text)
