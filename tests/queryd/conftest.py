"""A store into which packets come, and the time by which they do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.queryd import news as looking

from .live_store import BEGAN, Clock, Live


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(looking.time, "time", made.time)
    return made


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    made = Live(tmp_path / "STORE")
    made.come(BEGAN - 3600)
    made.show()
    yield made
    made.close()
