"""What is asked of the judge, and what it found."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.judge import counted

EXAMPLES = 3
"""Of each disagreement, so many are told."""


@dataclass(frozen=True)
class Disagreement:
    """One kind of it, in one file."""

    kind: str
    what: str


@dataclass
class Judged:
    """A capture, and what was found."""

    path: Path
    frames: int = 0
    stored: int = 0
    filters: int = 0
    note: str = ""
    excused: Counter[str] = field(default_factory=Counter)
    found: list[Disagreement] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """How captures are ingested."""

    blocks: tuple[str, ...] = ("all=0.0.0.0/0",)
    unwrap: str = ""
    expressions: tuple[str, ...] = counted.EXPRESSIONS

    def monitored(self, address: str) -> bool:
        return any(ipaddress.ip_address(address) in ipaddress.ip_network(one.partition("=")[2]) for one in self.blocks)
