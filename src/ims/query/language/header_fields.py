"""Which octets of which header stored columns can answer: `tcp[13]` is the low octet of `tcp_flags`."""

from __future__ import annotations

HEADERS: dict[str, dict[int, tuple[str, int]]] = {"ip": {}, "tcp": {}, "udp": {}, "icmp": {}}
"""Header -> offset -> (column or derived number, bits to shift it right by)."""

PORT_OCTETS = 4
"""Both ports are stored, or none."""
PROTOCOL_OF = {"tcp": 6, "udp": 17, "icmp": 1}

DERIVED = {
    "ip_header": (
        "ip_header_length", "total_length", "payload_length", "protocol", "tcp_options", "ip_fragment", "truncated",
        "udp_length", "tcp_offset",
    ),
    "tcp_header": ("tcp_options", "tcp_flags", "tcp_offset"),
    "datagram_length": (
        "udp_length", "payload_length", "truncated", "total_length", "ip_header_length", "source_port"
    ),
}  # fmt: skip
"""Numbers that no column holds but several give (predicate.py says how) -> the columns they are made of."""

for _header, _offset, _size, _name in (
    ("ip", 0, 1, "ip_header"),
    ("ip", 1, 1, "tos"),
    ("ip", 2, 2, "total_length"),
    ("ip", 4, 2, "ip_id"),
    ("ip", 6, 2, "ip_fragment"),
    ("ip", 8, 1, "ttl"),
    ("ip", 9, 1, "protocol"),
    ("ip", 12, 4, "source"),
    ("ip", 16, 4, "destination"),
    ("tcp", 0, 2, "source_port"),
    ("tcp", 2, 2, "destination_port"),
    ("tcp", 4, 4, "tcp_sequence"),
    ("tcp", 8, 4, "tcp_acknowledgment"),
    ("tcp", 12, 1, "tcp_header"),
    ("tcp", 13, 1, "tcp_flags"),
    ("tcp", 14, 2, "tcp_window"),
    ("tcp", 18, 2, "tcp_urgent"),
    ("udp", 0, 2, "source_port"),
    ("udp", 2, 2, "destination_port"),
    ("udp", 4, 2, "datagram_length"),
    ("icmp", 0, 1, "icmp_type"),
    ("icmp", 1, 1, "icmp_code"),
    ("icmp", 4, 4, "icmp_rest"),
):
    for _step in range(_size):
        HEADERS[_header][_offset + _step] = (_name, 8 * (_size - 1 - _step))


def known(header: str, offset: int, size: int) -> bool:
    """Whether all these octets can be answered."""
    octets = HEADERS.get(header, {})
    return size in (1, 2, 4) and all(at in octets for at in range(offset, offset + size))


def columns_of(header: str, offset: int, size: int) -> set[str]:
    """The columns that answer these octets."""
    found: set[str] = set()
    for at in range(offset, offset + size):
        name = HEADERS[header][at][0]
        found.update(DERIVED.get(name, (name,)))
    return found


def captured(header: str, offset: int, size: int) -> int:
    """Octets of the header that a packet must have for these to be known: a column is known whole or not at all."""
    ends = [at + HEADERS[header][at][1] // 8 + 1 for at in range(offset, offset + size)]
    return max(*ends, PORT_OCTETS if header in ("tcp", "udp") else 0)


def supported() -> str:
    """The octets that can be asked, for an error message and the docs: `ip[0 to 9, 12 to 19], ...`."""
    parts = []
    for header, octets in HEADERS.items():
        runs: list[list[int]] = []
        for offset in sorted(octets):
            if runs and runs[-1][1] == offset - 1:
                runs[-1][1] = offset
            else:
                runs.append([offset, offset])
        listed = ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in runs)
        parts.append(f"{header}[{listed}]")
    return ", ".join(parts)
