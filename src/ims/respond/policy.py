"""What a block answers, port by port, in tables that kernels read."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ims.darknet import Darknet, Ranges

Array = np.ndarray[Any, Any]

POLICIES = ("silent", "synack", "ack", "reset")
SILENT, SYNACK, ACK, RESET = range(4)
PORTS = 1 << 16

# Sources that never get a reply (RFC 6890 and the registries it made), and those that get one only if configured.
NEVER = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


class Policies(NamedTuple):
    """Policies by block and destination port."""

    row: Array  # int32 by number of the block: row of `table`
    table: Array  # uint8 (rows, 65,536): number in POLICIES; blocks with the same ports share a row
    echo: Array  # uint8 by number of the block: 1 where ICMP echo is answered


def ports_of(text: str) -> range:
    """`80`, or `1-1023` with both ends. Raises ValueError."""
    first, dash, last = text.strip().partition("-")
    try:
        low, high = int(first), int(last if dash else first)
    except ValueError:
        raise ValueError(f"ports {text!r}: expected a port or a range, such as 80 or 1-1023") from None
    if not 0 <= low <= high < PORTS:
        raise ValueError(f"ports {text!r}: expected 0 to 65535, the lower first")
    return range(low, high + 1)


def row_of(policy: str | Mapping[str, str]) -> Array:
    """uint8 (65,536): the policy of each port. A table of port ranges may have `default`; it is `ack` otherwise.

    Raises ValueError for an unknown policy or overlapping ranges.
    """
    ranges = {} if isinstance(policy, str) else {k: v for k, v in policy.items() if k != "default"}
    whole = policy if isinstance(policy, str) else policy.get("default", "ack")
    for name in (whole, *ranges.values()):
        if name not in POLICIES:
            raise ValueError(f"policy {name!r}: expected one of {', '.join(POLICIES)}")
    row = np.full(PORTS, POLICIES.index(whole), np.uint8)
    taken = np.zeros(PORTS, np.bool_)
    for text, name in ranges.items():
        ports = ports_of(text)
        if taken[ports.start : ports.stop].any():
            raise ValueError(f"ports {text} have two policies")
        taken[ports.start : ports.stop] = True
        row[ports.start : ports.stop] = POLICIES.index(name)
    return row


def policies(darknet: Darknet, by_name: Mapping[str, str | Mapping[str, str]], echo: Iterable[str] = ()) -> Policies:
    """The tables of a darknet's blocks, by their names; `echo`: names of blocks that answer ICMP echo."""
    rows: dict[bytes, int] = {}
    row = [rows.setdefault(row_of(by_name[name]).tobytes(), len(rows)) for name in darknet.names]
    table = np.stack([np.frombuffer(each, np.uint8) for each in rows])
    answering = set(echo)
    return Policies(np.array(row, np.int32), table, np.array([n in answering for n in darknet.names], np.uint8))


def never_answered(darknet: Darknet, private: bool, exclude: Sequence[ipaddress.IPv4Network] = ()) -> Ranges:
    """Sources that get no reply: unspecified, loopback, link-local, multicast and broadcast addresses, our own blocks,
    `exclude`, and private addresses (RFC 1918) unless `private`."""
    special = map(ipaddress.IPv4Network, NEVER if private else NEVER + PRIVATE)
    joined = list(ipaddress.collapse_addresses([*special, *(block.prefix for block in darknet.blocks), *exclude]))
    first, last = (np.array([int(prefix[end]) for prefix in joined], np.uint32) for end in (0, -1))
    return Ranges(first, last, np.zeros(len(joined), np.uint16))
