"""Numbers of bytes as people write them: `500G`, `256MiB`, `1048576`. K, M, G and T are powers of 1024."""

from __future__ import annotations

import re
from fractions import Fraction

UNITS = ("", "K", "M", "G", "T")
_WRITTEN = re.compile(r"([0-9]{1,1000}(?:\.[0-9]{1,1000})?)[ \t]*([KMGT]?)I?B?", re.IGNORECASE)
_UNIT = re.compile(r"[0-9.]+ ?[KMGT](?:i?B)?")
"""In capitals: small letters are units of time, too."""


def size(text: str) -> int:
    """`500GB` in bytes. Raises ValueError."""
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ValueError("expected a number of bytes, or one with K, M, G or T, such as 256M")
    exact = Fraction(match[1]) * 1024 ** UNITS.index(match[2].upper())
    if (not match[2] and exact.denominator > 1) or 0 < exact < 1:
        raise ValueError("expected whole bytes, or a unit: K, M, G or T, such as 1.5G")
    return int(exact)


def parse_size(text: str) -> int:
    """The same, for an option: ValueError's text has what was found."""
    try:
        return size(text)
    except ValueError as error:
        raise ValueError(f"size {text!r}: {error}") from None


def written_size(octets: int) -> str:
    """A number of bytes as one may write it: `64M`."""
    power = max((power for power in range(len(UNITS)) if octets and octets % 1024**power == 0), default=0)
    return f"{octets // 1024**power}{UNITS[power]}"


def has_unit(value: object) -> bool:
    """Whether it is a text with a unit of size."""
    return isinstance(value, str) and _UNIT.fullmatch(value.strip()) is not None
