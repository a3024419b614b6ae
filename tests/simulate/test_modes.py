"""The kernels that make traffic once more: as plain Python where whatever overflows is an error, and with every bounds
check on, so that none reads or writes past a buffer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = [HERE / f"test_{name}.py" for name in ("draft", "order", "bytes", "client")]
FILES.append(HERE.parent / "player" / "test_hand_out.py")


@pytest.mark.parametrize("settings", [{"NUMBA_DISABLE_JIT": "1"}, {"IMS_BOUNDSCHECK": "all"}], ids=["pure", "checked"])
def test_kernels_do_the_same_in_plain_python_and_with_every_bounds_check(settings: dict[str, str]) -> None:
    words = ["-n0", "-q", "-p", "no:cacheprovider", "-k", "not another_seed", *map(str, FILES)]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        env=os.environ | {"PYTHONWARNINGS": "error"} | settings,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
