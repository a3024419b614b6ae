"""The kernels of keys, signatures, row keys and rebuilding once more: as plain Python, and with every check on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = [
    "test_siphash.py",
    "sign/test_digest.py",
    "sign/test_cache.py",
    "sign/test_gather.py",
    "sign/test_signer.py",
    "store/test_rowkey.py",
    "store/test_rebuild.py",
]


def run_again(**settings):
    """Run the tests in another process; its warnings are errors there too."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n0",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "not real_captures",
    ]
    environment = os.environ | {"PYTHONWARNINGS": "error"} | settings
    run = subprocess.run(
        [*command, *(str(TESTS / name) for name in FILES)],
        env=environment,
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]


@pytest.mark.parametrize("settings", [{"NUMBA_DISABLE_JIT": "1"}, {"IMS_BOUNDSCHECK": "all"}], ids=["pure", "checked"])
def test_kernels_do_the_same_in_plain_python_and_with_every_bounds_check(settings):
    run_again(**settings)
