"""What a SYN's options offer is read as dpkt parses them, and a SYN-ACK's are written so that dpkt reads them."""

from __future__ import annotations

import dpkt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.packet.tcp_options import OFFERS_SACK, OFFERS_SCALE, OFFERS_TIMESTAMP, offered, put_synack_options

ALL = OFFERS_SCALE | OFFERS_SACK | OFFERS_TIMESTAMP


def parsed(octets: bytes) -> dict[int, bytes]:
    return {kind: data for kind, data in dpkt.tcp.parse_opts(octets) if kind > 1}


@pytest.mark.parametrize("offers", range(ALL + 1))
def test_a_syn_ack_s_options_are_what_was_offered(offers: int) -> None:
    out = np.zeros(40, np.uint8)
    length = put_synack_options(out, 4, offers, 1460, 0x01020304, 0x05060708)
    assert length % 4 == 0 and length <= 20 and not out[4 + length :].any()
    found = parsed(out[4 : 4 + length].tobytes())
    assert found.pop(2) == (1460).to_bytes(2, "big")
    assert (found.pop(3, None) == b"\0") == bool(offers & OFFERS_SCALE)
    assert (found.pop(4, None) == b"") == bool(offers & OFFERS_SACK)
    stamp = bytes([1, 2, 3, 4, 5, 6, 7, 8])
    assert (found.pop(8, None) == stamp) == bool(offers & OFFERS_TIMESTAMP)
    assert not found
    bits, value = offered(out, 4, length)
    assert (bits, value) == (offers, 0x01020304 if offers & OFFERS_TIMESTAMP else 0)


@given(st.binary(max_size=40))
def test_whatever_options_claim_nothing_beyond_them_is_read(octets: bytes) -> None:
    out = np.frombuffer(octets, np.uint8)
    bits, value = offered(out, 0, 40)
    assert 0 <= bits <= ALL and 0 <= value < 1 << 32
    assert offered(out, 0, out.size) == (bits, value)
