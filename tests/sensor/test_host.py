"""No block covers an address of this machine, or its router."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess

import pytest

from ims.darknet import Block, Darknet
from ims.sensor.host import Host, refuse_own, this_host
from ims.simulate.namespaces import ip, may_make_namespaces

from ..stores import needs_programs
from .lab import Lab
from .refusal import at_machine

live = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")

OWN = Host({ipaddress.IPv4Address("198.51.100.7"): "eth0"}, [ipaddress.IPv4Address("203.0.113.1")])


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ("B=198.51.100.7/32", "block B=198.51.100.7/32 covers 198.51.100.7, which is this machine's own on eth0"),
        ("B=198.51.100.0/29", "covers 198.51.100.7, which is this machine's own on eth0"),
        ("B=203.0.113.0/31", "block B=203.0.113.0/31 covers 203.0.113.1, this machine's default gateway"),
        ("B=196.0.0.0/6", "covers 198.51.100.7"),
    ],
)
def test_a_block_that_covers_an_own_address_or_the_gateway_is_refused(block: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as raised:
        refuse_own(Darknet([Block.parse("A=192.0.2.0/24"), Block.parse(block)]), OWN)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("block", ["B=198.51.100.8/29", "B=198.51.100.6/32", "B=203.0.113.2/31"])
def test_a_block_that_ends_beside_them_is_not(block: str) -> None:
    refuse_own(Darknet([Block.parse(block)]), OWN)


@needs_programs("ip")
def test_addresses_are_those_that_iproute2_shows() -> None:
    shown = json.loads(subprocess.run(["ip", "-4", "-j", "addr"], capture_output=True, check=True).stdout)
    assert this_host().addresses == {
        ipaddress.IPv4Address(address["local"]): link["ifname"] for link in shown for address in link["addr_info"]
    }


@live
def test_a_block_with_this_machine_or_its_gateway_in_it(lab: Lab) -> None:
    said = at_machine(lab, block="B=198.18.0.0/24")
    assert re.search(r"block B=198.18.0.0/24 covers 198.18.0.2, which is this machine's own on eth0", said)
    ip(f"-n {lab.machine} route add default via 198.18.7.1")
    said = at_machine(lab, block="B=198.18.7.0/24")
    assert "covers 198.18.7.1, this machine's default gateway" in said
