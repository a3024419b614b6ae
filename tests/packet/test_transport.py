"""The header of a protocol is found by its number, and its checksum is written as that protocol has it."""

from __future__ import annotations

import numpy as np
import pytest

from ims.packet import tcp, udp
from ims.packet.field_values import PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP
from ims.packet.transport import put_checksum, transport_header


def test_a_udp_checksum_of_zero_is_written_as_ones() -> None:
    out = np.zeros(8, np.uint8)
    put_checksum(out, 6, PROTOCOL_UDP, 0xFFFF)
    assert out[6:].tolist() == [0xFF, 0xFF]
    put_checksum(out, 6, PROTOCOL_TCP, 0xFFFF)
    assert out[6:].tolist() == [0, 0]


@pytest.mark.parametrize(("protocol", "least"), [(PROTOCOL_TCP, 20), (PROTOCOL_UDP, 8), (PROTOCOL_ICMP, 8)])
def test_a_header_that_is_cut_or_lies_has_no_length(protocol: int, least: int) -> None:
    out = np.zeros(60, np.uint8)
    tcp.put_header(out, 0, 0, 0, 0, 60 if protocol == PROTOCOL_TCP else 20, 0, 0, 0)
    assert transport_header(out, 0, least - 1, protocol) == 0
    if protocol == PROTOCOL_TCP:
        assert (transport_header(out, 0, 59, protocol), transport_header(out, 0, 60, protocol)) == (0, 60)
        out[12] = 4 << 4
        assert transport_header(out, 0, 60, protocol) == 0
    if protocol == PROTOCOL_UDP:
        for length, header in ((0, 8), (7, 0), (1, 0), (8, 8), (999, 8)):
            udp.put_header(out, 0, 0, length)
            assert transport_header(out, 0, 60, protocol) == header
