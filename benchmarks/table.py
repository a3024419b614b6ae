"""Plain text tables that are also Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def verdict(name: str, value: float, sign: str, target: float, unit: str = "") -> list[str]:
    """A row: what, measured, target, met or missed. `sign` is ">=", "<=" or "<"."""
    met = {">=": value >= target, "<=": value <= target, "<": value < target}[sign]
    return [name, f"{value:.3g}{unit}", f"{sign} {target:g}{unit}", "met" if met else "MISSED"]


VERDICT_HEAD = ("what", "measured", "target", "")
