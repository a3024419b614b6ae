"""Accounts in files, with a hash that costs little, and a clock beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from ims.portal.auth.accounts import Accounts

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def opened(path: Path, **words: Any) -> Accounts:
    return Accounts(path, hasher=CHEAP, **words)
