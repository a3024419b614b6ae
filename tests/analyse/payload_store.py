"""A store of payloads whose truth is known: fixture `payload_store`. B/25 is watched from the third day on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ..shared import shared
from ..stores import MIDNIGHT, ingest, udp, write_pcap

A, B = 0xC6336400, 0xCB007100
DAYS, JOINED = 5, 2
PORT = 1434
HOUR_NS = 3_600_000_000_000
APPEARED = 53.25
"""Hours from the range's begin, at which NEW begins to come to A, three times an hour."""
STEADY, NEW, ONLY_B, BURST, HOSTILE = b"steady", b"new one", b"only at B", b"burst", b"\x1b[31mred\x07\xff\n$(reboot)"
DARK = b"GET / HTTP/1.1\r\nHost: 198.51.100.77\r\n\r\n"
"""Holds a monitored address."""


def arrivals() -> dict[str, list[tuple[float, int, int, bytes]]]:
    """By block: hour, source, destination and payload of each packet; unordered."""
    rng = np.random.default_rng(7)
    found: dict[str, list[tuple[float, int, int, bytes]]] = {"a": [], "b": []}

    def add(block: str, payload: bytes, rate: float, since: float, sources: int = 400) -> None:
        for at in rng.uniform(since, DAYS * 24, rng.poisson(rate * (DAYS * 24 - since))):
            base, size = (A, 256) if block == "a" else (B, 128)
            source = 0x0B000000 + int(rng.integers(0, sources))
            found[block].append((float(at), source, base + int(rng.integers(0, size)), payload))

    for payload, rate in ((STEADY, 6), (HOSTILE, 2), (DARK, 1), (b"", 4)):
        add("a", payload, rate, 0)
        add("b", payload, rate / 2, JOINED * 24)
    add("a", NEW, 3, APPEARED)
    add("b", ONLY_B, 4, JOINED * 24)
    found["a"] += [(70 + n / 300, 0x0C000001, A + n % 256, BURST) for n in range(600)]
    found["a"] += [(float(at), 0x0D000000 + n, A + 9, b"once %d" % n) for n, at in enumerate(rng.uniform(0, 120, 100))]
    for block, last in (("a", A), ("b", B)):
        found[block].append((DAYS * 24 - 1e-6, 0x0B000001, last, b""))
    found["a"].append((0.0, 0x0B000001, A, b""))
    found["b"].append((JOINED * 24.0, 0x0B000001, B, b""))
    return found


def packets(block: str) -> Iterator[tuple[int, bytes]]:
    for at, source, destination, payload in sorted(arrivals()[block]):
        yield MIDNIGHT + round(at * HOUR_NS), udp(source, destination, PORT, payload)


def signature(payload: bytes) -> str:
    return hashlib.md5(payload, usedforsecurity=False).hexdigest()


def make(folder: Path) -> None:
    for block, prefix in (("a", "A/24=198.51.100.0/24"), ("b", "B/25=203.0.113.0/25")):
        capture = write_pcap(folder / f"{block}.pcap", packets(block))
        ingest(folder / "STORE", capture, sensor=block, blocks=[prefix])


@pytest.fixture(scope="session")
def payload_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "payloads", make) / "STORE"
