"""Tests of kernels once more: as plain Python, and with every bounds check on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
MODES = {"pure": {"NUMBA_DISABLE_JIT": "1"}, "checked": {"IMS_BOUNDSCHECK": "all"}}


def passes(mode: str, *files: str, only: str = "") -> None:
    """Run files of tests in a process of its own, where warnings are errors; fail with what it printed.

    `files` are below the folder of all tests; `only` chooses among their tests, as pytest's `-k` does.
    """
    words = ["-n0", "-q", "-p", "no:cacheprovider", "-k", only, *(str(TESTS / name) for name in files)]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        env=os.environ | {"PYTHONWARNINGS": "error"} | MODES[mode],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
