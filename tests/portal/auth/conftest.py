"""Accounts that are opened and closed for a test, and the time by which they go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ims.portal.auth.accounts import Accounts

from .account_files import PASSWORD, Clock, opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Any:
    found = opened(tmp_path / "accounts.db", clock=clock, ticks=clock)
    yield found
    found.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """One operator with a token, for tests that change nothing."""
    accounts = opened(tmp_path_factory.mktemp("shared") / "accounts.db")
    accounts.add("alice", "operator", PASSWORD)
    accounts.new_token("alice", label="x", days=None)
    yield accounts
    accounts.close()
