"""The kernels that make traffic once more: as plain Python where whatever overflows is an error, and with every bounds
check on, so that none reads or writes past a buffer."""

from __future__ import annotations

import pytest

from ..modes import MODES, passes

FILES = [*(f"simulate/test_{name}.py" for name in ("draft", "order", "bytes", "client")), "player/test_hand_out.py"]


@pytest.mark.parametrize("mode", MODES)
def test_kernels_do_the_same_in_plain_python_and_with_every_bounds_check(mode: str) -> None:
    passes(mode, *FILES, only="not another_seed")
