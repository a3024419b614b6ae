"""Accounts that are opened and closed for a test, and the time by which they go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .account_files import Clock, opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Any:
    found = opened(tmp_path / "accounts.db", clock=clock, ticks=clock)
    yield found
    found.close()
