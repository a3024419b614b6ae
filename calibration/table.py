"""A table of Markdown, and the page's parts between their marks."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as Markdown."""
    lines = [f"| {' | '.join(row)} |".replace("|  ", "| ") for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def replaced(page: str, name: str, text: str) -> str:
    """The page with what stands between the marks of a part replaced. Raises ValueError where it has no such marks."""
    begin = page.index(mark := f"<!-- {name}: written by make calibration -->\n") + len(mark)
    return f"{page[:begin]}\n{text}\n\n{page[page.index('<!-- end -->', begin) :]}"
