"""The kernels of keys, signatures, row keys and rebuilding once more: as plain Python, and with every check on."""

from __future__ import annotations

import pytest

from ..modes import MODES, passes

FILES = [
    "test_siphash.py",
    "sign/test_digest.py",
    "sign/test_cache.py",
    "sign/test_gather.py",
    "sign/test_signer.py",
    "store/test_rowkey.py",
    "store/test_rebuild.py",
]


@pytest.mark.parametrize("mode", MODES)
def test_kernels_do_the_same_in_plain_python_and_with_every_bounds_check(mode: str) -> None:
    passes(mode, *FILES, only="not real_captures")
