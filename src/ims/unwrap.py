"""Tunnels to unwrap: their names, and the number that decode/tunnel.py's kernels take."""

from __future__ import annotations

from collections.abc import Iterable

UNWRAP_GRE, UNWRAP_IPIP, UNWRAP_UDP = 1, 2, 4
NAMES = {"gre": UNWRAP_GRE, "ipip": UNWRAP_IPIP}
VXLAN, GENEVE = 1, 2
PORTS = {"vxlan": (VXLAN, 4789), "geneve": (GENEVE, 6081)}
"""Tunnels over UDP: their number in a slot, and their default port."""

SLOTS, SLOT_BITS, FIRST_BIT = 3, 18, 3
"""Above its flags, the number has these slots of a port (16 bits) and a tunnel (2 bits)."""

TUNNELS = "gre, ipip, vxlan, geneve, the last two with a port where it isn't the usual one (vxlan:8472)"
KEPT = "a packet to a monitored address stays as it came, so a block of 0.0.0.0/0 unwraps nothing"
"""What is never unwrapped, for help and settings."""


def udp_port(word: str) -> tuple[int, int] | None:
    """(tunnel, port) of a word such as `vxlan`, `vxlan:8472` or `geneve=6082`; None for another word."""
    name, _, port = word.replace("=", ":").partition(":")
    if name not in PORTS:
        return None
    kind, usual = PORTS[name]
    if name == word:
        return kind, usual
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 1 << 16):
        raise ValueError(f"tunnel {word!r}: expected a port from 1 to 65535 after {name}:")
    return kind, int(port)


def udp_ports(words: Iterable[str]) -> list[int]:
    """Destination ports of the tunnels over UDP among some words."""
    return [slot[1] for slot in map(udp_port, words) if slot is not None]


def unwrap_of(words: Iterable[str]) -> int:
    """Tunnels as one number, for kernels: flags, and slots of UDP's ports. Raises ValueError for another word, for
    two tunnels of one port, and for more than SLOTS ports."""
    flags = 0
    slots: list[tuple[int, int]] = []
    for word in words:
        if word in NAMES:
            flags |= NAMES[word]
            continue
        slot = udp_port(word)
        if slot is None:
            raise ValueError(f"no such tunnel: {word!r}; expected some of {TUNNELS}")
        if slot in slots:
            continue
        if any(slot[1] == port for _, port in slots):
            raise ValueError(f"tunnel {word!r}: port {slot[1]} is another tunnel's already; expected one tunnel a port")
        slots.append(slot)
    if len(slots) > SLOTS:
        raise ValueError(f"{len(slots)} ports of tunnels over UDP; at most {SLOTS}")
    for number, (kind, port) in enumerate(slots):
        flags |= UNWRAP_UDP | (port << 2 | kind) << (FIRST_BIT + number * SLOT_BITS)
    return flags


def parse_unwrap(text: str) -> int:
    """`unwrap_of` of a text such as `gre,ipip,vxlan:8472`. Raises ValueError, naming the option."""
    try:
        return unwrap_of(tuple(filter(None, (word.strip() for word in text.split(",")))))
    except ValueError as error:
        raise ValueError(f"--unwrap: {error}") from None
