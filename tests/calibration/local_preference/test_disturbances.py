"""Blocks that are disturbed: neither preference nor a high rate is found that isn't there."""

from __future__ import annotations

import pytest
from calibration.local_preference.disturbances import BY_24, CASES, FLOOD, run

from ims.analyse.local_preference.analysis import NOT_BY


@pytest.mark.parametrize("name", CASES)
def test_what_befalls_a_block_is_not_taken_for_preference(name: str) -> None:
    """A flood's rate is as high as it is said to be."""
    assert FLOOD > 10 * BY_24
    assert {run(name, seed) for seed in (1, 2)} == ({NOT_BY} if "flood" in name else {""})
