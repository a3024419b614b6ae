"""Numbers with their nouns, as people write them: 1 packet, 2,000 packets, 1 /24."""

from __future__ import annotations


def quantity(number: int, noun: str, plural: str = "") -> str:
    """`noun` in the singular for 1, else in the plural: `plural`, or `noun` with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
