"""The kernels that answer once more: as plain Python, and with every check on."""

from __future__ import annotations

import pytest

from ..modes import MODES, passes


@pytest.mark.parametrize("mode", MODES)
def test_kernels_do_the_same_in_plain_python_and_with_every_bounds_check(mode: str) -> None:
    passes(mode, "respond/test_reply.py")
