"""The kernels of captures once more: as plain Python, and with every check on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = ["test_pcap.py", "test_pcapng.py", "test_hostile.py"]


@pytest.mark.parametrize("settings", [{"NUMBA_DISABLE_JIT": "1"}, {"IMS_BOUNDSCHECK": "all"}], ids=["pure", "checked"])
def test_kernels_do_the_same_in_plain_python_and_with_every_bounds_check(settings):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n0",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "written or walk or nanosecond",
    ]
    run = subprocess.run(
        [*command, *(str(HERE / name) for name in FILES)],
        env=os.environ | {"PYTHONWARNINGS": "error"} | settings,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
