"""Folders that all workers of a run share: made by the one that comes first, and changed by nobody after."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def shared(temporary: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The run's folder of this name. Where it isn't made yet, `make` is handed it, new and empty; others wait."""
    base = temporary.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the worker's own folder lies in the run's
    base = base / "shared"
    base.mkdir(exist_ok=True)
    folder, made = base / name, base / f"{name}.made"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder.mkdir()  # one that is there already was left by a worker that failed in it, and fails again
            make(folder)
            made.touch()
    return folder
