"""One portal for the tests that only ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .served import Served, world


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Served]:
    with world(tmp_path_factory.mktemp("portal"), one_store) as served:
        yield served
