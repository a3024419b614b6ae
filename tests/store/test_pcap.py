"""What surrounds rebuilt packets in a pcap file: its header, and a made-up Ethernet header where that is asked for."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.store.pcap import LINK_TYPES, LINKS, check_link, linked, pcap_header

MADE_UP = bytes.fromhex("020000000001 020000000002 0800")


def records(packets: list[bytes], lost: int = 0) -> tuple[bytes, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Records of packets that had `lost` octets more on the wire, and where each begins; at last where they end."""
    made = [struct.pack("<IIII", n, 7, len(one), len(one) + lost) + one for n, one in enumerate(packets)]
    return b"".join(made), np.cumsum([0, *map(len, made)])


@pytest.mark.parametrize("link", LINKS)
def test_the_header_says_nanoseconds_and_the_link_type(link: str) -> None:
    assert struct.unpack("<IHHiIII", pcap_header(link)) == (0xA1B23C4D, 2, 4, 0, 0, 1 << 18, LINK_TYPES[link])
    check_link(link)


@pytest.mark.parametrize("link", ["", "RAW", "101", "ethernet "])
def test_another_link_is_refused_in_one_line(link: str) -> None:
    with pytest.raises(ValueError, match=r"^no link '.*'; expected one of raw, ethernet, ipv4$"):
        check_link(link)


@given(packets=st.lists(st.binary(max_size=80), max_size=9), lost=st.integers(0, 1 << 20))
def test_each_packet_gets_an_ethernet_header_and_lengths_that_hold_it(packets: list[bytes], lost: int) -> None:
    octets, offsets = records(packets, lost)
    expected, _ = records([MADE_UP + packet for packet in packets], lost)
    given_octets = np.frombuffer(octets, np.uint8)
    assert linked(given_octets, offsets, "ethernet").tobytes() == expected
    for link in ("raw", "ipv4"):
        assert linked(given_octets, offsets, link).tobytes() == octets
