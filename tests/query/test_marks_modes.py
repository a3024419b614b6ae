"""The kernels that tell addresses apart once more: as plain Python, and with every check on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("settings", [{"NUMBA_DISABLE_JIT": "1"}, {"IMS_BOUNDSCHECK": "all"}], ids=["pure", "checked"])
def test_kernels_do_the_same_in_plain_python_and_with_every_bounds_check(settings: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", str(HERE / "test_marks.py")]
    run = subprocess.run(
        command,
        env=os.environ | {"PYTHONWARNINGS": "error"} | settings,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
