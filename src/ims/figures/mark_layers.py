"""Marks in panels over time: dotted rules, grey strips of their intervals, and texts above the topmost panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ims.figures.marks import Flag, Mark, flags, marks_within
from ims.figures.panel_bins import PanelBins
from ims.figures.theme import FAINT_TEXT, INTERVAL, LABEL_SIZE, text_width, wrapped

ROW, FOOT = 12, 4
"""Pixels: a row of texts, and what is between the lowest one's feet and the panel."""
GAP, BESIDE, LONGEST = 6, 3, 0.5
"""Pixels between texts, and between a text and its rule; the part of a panel's width that a text may take."""
DOTS = [1.2, 2.4]


class ShownMarks:
    """The marks of panels of this size. Rules go through each panel; texts stand between the title of a topmost panel
    and its frame, so that they hide no value. `prefix`: of the datasets' names, where each panel has its own marks."""

    def __init__(self, marks: Sequence[Mark], bins: PanelBins, size: tuple[int, int], prefix: str = "") -> None:
        self.marks = marks_within(marks, bins.since_us, bins.until_us) if bins.count else []
        self.width, self.height = size
        self.bins = bins
        self.prefix = prefix
        texts = [(round(self._x(mark)), self._cut(mark.text)) for mark in self.marks]
        self.flags = flags(texts, self.width, lambda text: text_width(text, LABEL_SIZE), gap=GAP, beside=BESIDE)

    @property
    def room(self) -> int:
        """Pixels that the texts take above a topmost panel."""
        return FOOT + ROW * (1 + max(flag.row for flag in self.flags)) if self.flags else 0

    @property
    def datasets(self) -> dict[str, list[dict[str, Any]]]:
        """The datasets behind the layers; none without marks."""
        if not self.marks:
            return {}
        poles = {flag.x: -(FOOT + ROW * flag.row + LABEL_SIZE - 2) for flag in self.flags}
        return {
            f"{self.prefix}marks": [
                {"time": mark.time_us / 1000, "top": poles.get(round(self._x(mark)), 0)} for mark in self.marks
            ],
            f"{self.prefix}mark_texts": [self._text(flag) for flag in self.flags],
            f"{self.prefix}intervals": [{"time": low / 1000, "until": high / 1000} for low, high in self._intervals()],
        }

    def under(self, x: Any) -> list[Any]:
        """Layers below all others: gaps hide a strip, so that what is hatched looks the same everywhere."""
        import altair as alt

        if not self._intervals():
            return []
        return [
            alt.Chart(alt.NamedData(f"{self.prefix}intervals")).mark_rect(color=INTERVAL).encode(x, alt.X2("until"))
        ]

    def over(self, x: Any, is_topmost: bool) -> list[Any]:
        """Layers above gaps, below line and band."""
        import altair as alt

        if not self.marks:
            return []
        top = {"value": {"expr": "datum.top"}} if is_topmost else alt.value(0)
        rules = alt.Chart(alt.NamedData(f"{self.prefix}marks")).mark_rule(
            strokeDash=DOTS, strokeWidth=1.2, color=FAINT_TEXT
        )
        layers = [rules.encode(x, y=top, y2=alt.value(self.height))]
        if is_topmost and self.flags:
            texts = alt.Chart(alt.NamedData(f"{self.prefix}mark_texts")).mark_text(align="left", baseline="alphabetic")
            place = {"x": {"value": {"expr": "datum.begin"}}, "y": {"value": {"expr": "datum.foot"}}}
            layers.append(texts.encode(**place, text=alt.Text("text:N")))
        return layers

    def note(self, title: str) -> str:
        """What rules and strips are; empty where there are none, or no title. Strips are intervals of the marks, unless
        the title says what else is grey."""
        if not self.marks or not title:
            return ""
        says_grey = ", grey: " in title
        return f"dotted: {title}" + (", grey: its interval" if self._intervals() and not says_grey else "")

    def _x(self, mark: Mark) -> float:
        return (mark.time_us - self.bins.since_us) / self.bins.span_us * self.width

    def _cut(self, text: str) -> str:
        return "".join(wrapped(text, self.width * LONGEST, LABEL_SIZE, 1))

    def _text(self, flag: Flag) -> dict[str, Any]:
        return {"begin": flag.begin, "foot": -(FOOT + ROW * flag.row), "text": flag.text}

    def _intervals(self) -> list[tuple[int, int]]:
        return [part for mark in self.marks for part in mark.intervals(self.bins.since_us, self.bins.until_us)]
