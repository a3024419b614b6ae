"""The darknet: which blocks a sensor monitors, and how large they are, in /24s (as the paper, section 2.1) and as a
fraction of all IPv4 addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

BLOCK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
SENSOR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_sensor_name(name: str) -> str:
    """Return `name` if it may name a sensor; raises ValueError."""
    if not SENSOR_NAME.fullmatch(name):
        raise ValueError(
            f"sensor name {name!r}: expected 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit"
        )
    return name


class Ranges(NamedTuple):
    """A darknet for kernels: sorted, disjoint address ranges, both ends inside."""

    first: np.ndarray[Any, np.dtype[np.uint32]]
    last: np.ndarray[Any, np.dtype[np.uint32]]
    block: np.ndarray[Any, np.dtype[np.uint16]]


@dataclass(frozen=True)
class Block:
    """One monitored prefix with its public name, such as `C/24`. Several prefixes may share a name."""

    name: str
    prefix: ipaddress.IPv4Network

    @property
    def size_24(self) -> float:
        """Size in /24s: 1.0 for a /24, 0.5 for a /25."""
        return self.prefix.num_addresses / 256

    @classmethod
    def parse(cls, text: str) -> Block:
        """`NAME=CIDR`, as on the command line. Raises ValueError with what is expected."""
        name, equals, cidr = text.partition("=")
        if not equals:
            raise ValueError(f"block {text!r}: expected NAME=CIDR, such as C/24=198.51.100.0/24")
        if not BLOCK_NAME.fullmatch(name):
            raise ValueError(
                f"block name {name!r}: expected 1 to 64 letters, digits, '.', '_', '-' or '/', "
                "beginning with a letter or digit"
            )
        try:
            prefix = ipaddress.IPv4Network(cidr)
        except ValueError as error:
            try:
                meant = ipaddress.IPv4Network(cidr, strict=False)
            except ValueError:
                raise ValueError(
                    f"block {name}: {cidr!r} is no IPv4 prefix; expected one such as 198.51.100.0/24"
                ) from error
            raise ValueError(f"block {name}: {cidr} has bits set beyond its length; meant {meant}?") from error
        return cls(name, prefix)


class Darknet:
    """All blocks of one sensor. They may not overlap: a packet belongs to one block."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks = tuple(sorted(blocks, key=lambda block: int(block.prefix.network_address)))
        if not self.blocks:
            raise ValueError("no block given; expected at least one NAME=CIDR")
        for left, right in zip(self.blocks, self.blocks[1:], strict=False):
            if left.prefix.overlaps(right.prefix):
                raise ValueError(
                    f"blocks {left.name}={left.prefix} and {right.name}={right.prefix} overlap; "
                    "a packet must belong to one block"
                )
        self.names = tuple(dict.fromkeys(block.name for block in self.blocks))
        if len(self.names) >= 1 << 16:
            raise ValueError(f"{len(self.names)} block names; at most 65,535 fit")

    @property
    def size_24(self) -> float:
        """Size of all blocks together, in /24s."""
        return sum(block.size_24 for block in self.blocks)

    @property
    def fraction(self) -> float:
        """Share of the whole IPv4 address space."""
        return self.size_24 / (1 << 24)

    def ranges(self) -> Ranges:
        """The blocks as sorted arrays; `block` indexes `names`."""
        return Ranges(
            np.array([int(b.prefix.network_address) for b in self.blocks], np.uint32),
            np.array([int(b.prefix.broadcast_address) for b in self.blocks], np.uint32),
            np.array([self.names.index(b.name) for b in self.blocks], np.uint16),
        )
