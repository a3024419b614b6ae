"""Arithmetic on constants is BPF's: what 32 bits of a machine make of it."""

from __future__ import annotations

import operator
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.query.language.arithmetic import MASK32, OPERATORS, calculate, check_operand

from ...effort import examples
from ...stores import needs_programs

NUMPY: dict[str, Callable[[np.uint32, np.uint32], np.uint32]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv, "%": operator.mod,
    "&": operator.and_, "|": operator.or_, "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift,
}  # fmt: skip
numbers = st.integers(0, MASK32) | st.integers(0, 40) | st.integers(MASK32 - 3, MASK32)


@given(st.sampled_from(OPERATORS), numbers, numbers)
@settings(max_examples=examples(500, 150))
def test_numbers_are_what_32_bits_make_of_them(symbol: str, left: int, right: int) -> None:
    try:
        check_operand(symbol, right)
    except ValueError:
        return
    with np.errstate(over="ignore"):
        expected = NUMPY[symbol](np.uint32(left), np.uint32(right))
    assert calculate(symbol, left, right) == int(expected)


@pytest.mark.parametrize(
    ("symbol", "right", "why"),
    [
        ("/", 0, "division by zero"),
        ("%", 0, "division by zero"),
        ("<<", 32, "more than 31 bits"),
        (">>", MASK32, "more than 31 bits"),
    ],
)
def test_what_has_no_result_is_refused(symbol: str, right: int, why: str) -> None:
    for ask in (lambda: check_operand(symbol, right), lambda: calculate(symbol, 1, right)):
        with pytest.raises(ValueError, match=why):
            ask()


def test_zero_and_31_bits_are_taken_where_they_have_a_result() -> None:
    for symbol in OPERATORS:
        check_operand(symbol, 1)
        if symbol not in "/%":
            check_operand(symbol, 0)
    assert calculate("<<", 3, 31) == 1 << 31
    assert calculate(">>", MASK32, 31) == 1


@needs_programs("tcpdump")
@pytest.mark.parametrize(
    ("left", "symbol", "right"),
    [(5, "-", 7), (MASK32, "+", 2), (70_000, "*", 70_000), (17, "/", 5), (17, "%", 5), (6, "^", 3), (3, "<<", 31)],
)
def test_libpcap_computes_the_same(left: int, symbol: str, right: int) -> None:
    """It folds constants itself: the number stands in its program."""
    text = f"ip[12:4] = {left} {symbol} {right}"
    done = subprocess.run(["tcpdump", "-y", "RAW", "-d", "--", text], capture_output=True, text=True, check=False)
    assert f"#{calculate(symbol, left, right):#x} " in done.stdout, done.stdout + done.stderr
