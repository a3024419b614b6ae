"""BPF's arithmetic on constants: unsigned, 32 bits, as in libpcap (bpf_filter.c)."""

from __future__ import annotations

MASK32 = 0xFFFFFFFF
OPERATORS = ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>")


def check_operand(operator: str, right: int) -> None:
    """Raises ValueError where a constant can't stand right of an operator, as libpcap does."""
    if operator in ("/", "%") and right == 0:
        raise ValueError("division by zero")
    if operator in ("<<", ">>") and right > 31:
        raise ValueError("shift by more than 31 bits")


def calculate(operator: str, left: int, right: int) -> int:
    """BPF's arithmetic on constants. Raises ValueError as `check_operand` does."""
    check_operand(operator, right)
    result = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left // right,
        "%": lambda: left % right,
        "&": lambda: left & right,
        "|": lambda: left | right,
        "^": lambda: left ^ right,
        "<<": lambda: left << right,
        ">>": lambda: left >> right,
    }[operator]()
    return result & MASK32
