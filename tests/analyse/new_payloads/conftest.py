"""The store of known payloads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ims
from ims.analyse.result import Result
from ims.telescope import Telescope

from ...shared import shared
from .payload_store import make


@pytest.fixture(scope="package")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "new_payloads", make) / "STORE"


@pytest.fixture(scope="package")
def telescope(payloads: Path) -> Iterator[Telescope]:
    with ims.open(payloads) as telescope:
        yield telescope


@pytest.fixture(scope="package")
def result(telescope: Telescope) -> Result:
    return telescope.analyse.new_payloads("udp")
