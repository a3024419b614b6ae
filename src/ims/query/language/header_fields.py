"""Which octets of a header are stored in which columns: `tcp[13]` is the low octet of `tcp_flags`."""

from __future__ import annotations

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
        "udp_length", "payload_length", "truncated", "total_length", "ip_header_length", "source_port",
    ),
}  # fmt: skip
"""Numbers that no column holds but several give (predicate.py says how) -> the columns they are made of."""

_FIELDS: dict[str, tuple[tuple[int, int, str], ...]] = {
    "ip": ((0, 1, "ip_header"), (1, 1, "tos"), (2, 2, "total_length"), (4, 2, "ip_id"), (6, 2, "ip_fragment"),
           (8, 1, "ttl"), (9, 1, "protocol"), (12, 4, "source"), (16, 4, "destination")),
    "tcp": ((0, 2, "source_port"), (2, 2, "destination_port"), (4, 4, "tcp_sequence"), (8, 4, "tcp_acknowledgment"),
            (12, 1, "tcp_header"), (13, 1, "tcp_flags"), (14, 2, "tcp_window"), (18, 2, "tcp_urgent")),
    "udp": ((0, 2, "source_port"), (2, 2, "destination_port"), (4, 2, "datagram_length")),
    "icmp": ((0, 1, "icmp_type"), (1, 1, "icmp_code"), (4, 4, "icmp_rest")),
}  # fmt: skip
"""Header -> (offset, octets, column or derived number) of each field."""
HEADERS: dict[str, dict[int, tuple[str, int]]] = {
    header: {offset + at: (name, 8 * (size - 1 - at)) for offset, size, name in fields for at in range(size)}
    for header, fields in _FIELDS.items()
}
"""Header -> offset -> (column or derived number, bits to shift it right by)."""


def known(header: str, offset: int, size: int) -> bool:
    """Whether all these octets can be answered."""
    octets = HEADERS.get(header, {})
    return size in (1, 2, 4) and all(at in octets for at in range(offset, offset + size))


def columns_of(header: str, offset: int, size: int) -> set[str]:
    """The columns that answer these octets."""
    names = {HEADERS[header][at][0] for at in range(offset, offset + size)}
    return {column for name in names for column in DERIVED.get(name, (name,))}


def captured(header: str, offset: int, size: int) -> int:
    """Octets of its header that a packet must have for these to be known: a column is known whole or not at all."""
    ends = [at + HEADERS[header][at][1] // 8 + 1 for at in range(offset, offset + size)]
    return max(*ends, PORT_OCTETS if header in ("tcp", "udp") else 0)


def supported() -> str:
    """The octets that can be asked, for an error message and the docs: `ip[0 to 9, 12 to 19], ...`."""
    parts = []
    for header, octets in HEADERS.items():
        lows, highs = ([at for at in octets if at + step not in octets] for step in (-1, 1))
        runs = zip(lows, highs, strict=True)
        parts.append(f"{header}[{', '.join(f'{low} to {high}' if low < high else str(low) for low, high in runs)}]")
    return ", ".join(parts)
