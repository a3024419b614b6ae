"""A small capture made on the spot, and a link between a peer and a machine that watches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..made.sample import write_sample
from ..shared import shared
from .lab import Lab

BLOCK = "C/24=198.51.100.0/24"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 packets of a day to 198.51.100.0/24."""
    name = "dark.pcap"
    return shared(tmp_path_factory, "sample", lambda folder: write_sample(folder / name, packets=20_000, seed=7)) / name


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Namespaces of one's own, made anew for each test."""
    with Lab() as made:
        yield made
