"""Tests of kernels once more: as plain Python, and with every bounds check on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODES = {"pure": {"NUMBA_DISABLE_JIT": "1"}, "checked": {"IMS_BOUNDSCHECK": "all"}}


def passes(test: Path, mode: str) -> None:
    """Run a file of tests in a process of its own, where warnings are errors; fail with what it printed."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", str(test)],
        env=os.environ | {"PYTHONWARNINGS": "error"} | MODES[mode],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
