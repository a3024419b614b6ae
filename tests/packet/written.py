"""Transport headers as dpkt writes them, and ours finished with the checksum that belongs to them."""

from __future__ import annotations

import dpkt
import numpy as np
from hypothesis import strategies as st

from ims.packet.checksum import ones_sum, pseudo_header
from ims.packet.field_values import PROTOCOL_ICMP
from ims.packet.transport import put_checksum

octet, word, number = st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
payloads = st.binary(max_size=64)


def whole(protocol: int, source: int, destination: int, transport: object, payload: bytes) -> bytes:
    """What dpkt makes of it, with the checksum that it works out."""
    transport.data = payload  # type: ignore[attr-defined]
    packet = dpkt.ip.IP(src=source.to_bytes(4, "big"), dst=destination.to_bytes(4, "big"), p=protocol, data=transport)
    packet.len = len(packet)
    return bytes(packet)[20:]


def finished(
    out: np.ndarray, header: int, field: int, protocol: int, total: int, source: int, destination: int
) -> bytes:
    """What was written, with the checksum that belongs to it."""
    total += ones_sum(out, header, out.size - header)
    if protocol != PROTOCOL_ICMP:
        total += pseudo_header(source, destination, protocol, out.size)
    put_checksum(out, field, protocol, total)
    return out.tobytes()
