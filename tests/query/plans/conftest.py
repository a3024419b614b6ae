"""Engines over one store and over three, and the packets that they answer about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ims.query.engines.duckdb import Engine
from ims.store.reader import open_store

from ...stores import exported


@pytest.fixture(scope="module", params=["one store", "three stores"])
def engine(request: pytest.FixtureRequest, three_sensors: Path, three_stores: list[Path]) -> Iterator[Engine]:
    stores = [open_store(path) for path in ([three_sensors] if request.param == "one store" else three_stores)]
    engine = Engine(stores, threads=1)
    yield engine
    engine.close()
    for store in stores:
        store.close()


@pytest.fixture(scope="module")
def rows(three_sensors: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return exported(tmp_path_factory.mktemp("rows"), three_sensors)
