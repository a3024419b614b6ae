"""The made-up Ethernet header is one that programs read, and tags are told from types."""

from __future__ import annotations

import dpkt
import numpy as np
import pytest

from ims.packet.ethernet import HEADER, MADE_UP, is_tag, put_made_up_header
from ims.packet.field_values import ETHERTYPE_ARP, ETHERTYPE_IPV4


def test_the_made_up_header_is_one_of_ipv4() -> None:
    out = np.zeros(HEADER + 4, np.uint8)
    put_made_up_header(out, 2)
    assert out[2:-2].tobytes() == MADE_UP
    read = dpkt.ethernet.Ethernet(MADE_UP)
    assert read.type == ETHERTYPE_IPV4 == dpkt.ethernet.ETH_TYPE_IP
    assert all(address[0] & 3 == 2 for address in (read.src, read.dst))  # local, and of one machine
    assert read.src != read.dst


@pytest.mark.parametrize(
    ("kind", "tag"), [(0x8100, True), (0x88A8, True), (0x9100, True), (ETHERTYPE_IPV4, False), (ETHERTYPE_ARP, False)]
)
def test_a_tag_is_told_from_a_type(kind: int, tag: bool) -> None:
    assert bool(is_tag(kind)) == tag
