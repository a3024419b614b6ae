"""BPF's arithmetic on constants: unsigned, 32 bits, as in libpcap (bpf_filter.c)."""

from __future__ import annotations

from collections.abc import Callable
from operator import add, and_, floordiv, lshift, mod, mul, or_, rshift, sub, xor

MASK32 = 0xFFFFFFFF
OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": add, "-": sub, "*": mul, "/": floordiv, "%": mod, "&": and_, "|": or_, "^": xor, "<<": lshift, ">>": rshift,
}  # fmt: skip
OPERATORS = tuple(OPERATIONS)


def check_operand(operator: str, right: int) -> None:
    """Raises ValueError where libpcap refuses a constant on the right of an operator."""
    if operator in ("/", "%") and right == 0:
        raise ValueError("division by zero")
    if operator in ("<<", ">>") and right > 31:
        raise ValueError("shift by more than 31 bits")


def calculate(operator: str, left: int, right: int) -> int:
    """The result for two constants. Raises ValueError as `check_operand` does."""
    check_operand(operator, right)
    return OPERATIONS[operator](left, right) & MASK32
