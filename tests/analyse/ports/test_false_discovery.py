"""Many tests at once, against statsmodels and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from ims.analyse.ports.false_discovery import q_values, true_at_least

P = st.lists(st.floats(1e-9, 1), min_size=1, max_size=20)


@given(p=P, more=st.integers(0, 30))
def test_q_values_are_statsmodels_with_the_tests_that_are_not_given(p: list[float], more: int) -> None:
    judge = multipletests([*p, *[1.0] * more], method="fdr_bh")[1][: len(p)]
    assert q_values(np.array(p), len(p) + more) == pytest.approx(judge)


@given(p=P, more=st.integers(0, 30))
def test_so_many_are_true_at_least(p: list[float], more: int) -> None:
    tests = len(p) + more
    judge = max(1 - u + sum(each <= u * 0.05 / tests for each in p) for u in range(1, len(p) + 1))
    assert true_at_least(np.array(p), tests, 0.95) == max(judge, 0)


def test_none_are_none() -> None:
    assert len(q_values(np.zeros(0), 10)) == 0
    assert true_at_least(np.zeros(0), 10, 0.95) == 0
