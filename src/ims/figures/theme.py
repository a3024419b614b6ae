"""How every figure looks: colours that also differ in grey, fonts, sizes; and headings cut to the picture's width."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from ims.text import one_line

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""vl-convert has the first one inside, so files look the same on every machine; all have the same widths."""
TITLE_SIZE, LINE_SIZE, HEADING_SIZE, LABEL_SIZE = 15, 11, 11.5, 10
LINE, BAND, HATCH, GRID, TEXT, FAINT_TEXT = "#16365c", "#a8c6e2", "#8c8c8c", "#dcdcdc", "#1a1a1a", "#4d4d4d"
"""A dark line on a light band: their greys are 20 % and 76 %."""
CURVE, INTERVAL = "#7a1414", "#e6e6e6"
"""Of a fitted curve, dashed, and of the interval of a mark: its grey is 90 %, lighter than the band."""
TITLE_LINES, LINES_EACH, MOST_LINES = 2, 3, 10
BOLD = 1.12
"""Bold text is at most so much wider."""

CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": "white",
    "padding": 12,
    "aria": False,  # labels of marks would hold local time, and each value twice
    "view": {"stroke": "#8c8c8c", "strokeWidth": 0.6},
    "title": {
        "anchor": "start", "color": TEXT, "fontSize": TITLE_SIZE, "fontWeight": "bold", "offset": 14,
        "subtitleColor": FAINT_TEXT, "subtitleFontSize": LINE_SIZE, "subtitlePadding": 5, "subtitleLineHeight": 15,
        "lineHeight": 19,
    },
    "axis": {
        "domain": False, "ticks": True, "tickColor": "#8c8c8c", "tickSize": 4, "tickWidth": 0.6,
        "gridColor": GRID, "gridWidth": 0.5, "labelColor": TEXT, "labelFontSize": LABEL_SIZE, "labelPadding": 3,
        "titleColor": TEXT, "titleFontSize": LABEL_SIZE + 1, "titleFontWeight": "normal", "titlePadding": 8,
    },
    "line": {"color": LINE, "strokeWidth": 1.1, "strokeJoin": "round", "strokeCap": "butt"},
    "area": {"color": BAND, "opacity": 1, "line": False},
    "rule": {"color": HATCH, "strokeWidth": 0.6},
    "text": {"color": FAINT_TEXT, "fontSize": LABEL_SIZE},
}  # fmt: skip
"""Vega-Lite's config of all figures."""

_HELVETICA = (
    # Advance widths of ASCII's printable characters, in thousandths of the size; Liberation Sans has the same.
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 "
    "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 "
    "278 556 500 722 500 500 500 334 260 334 584"
)
_WIDTHS = [int(number) for number in _HELVETICA.split()]


@dataclass(frozen=True)
class Heading:
    """What stands above a figure: what it shows, and lines with its range, bin, darknet's size. Any text will do."""

    title: str
    lines: tuple[str, ...] = ()

    def with_lines(self, *lines: str) -> Heading:
        """The same with further lines below."""
        return Heading(self.title, (*self.lines, *lines))

    def shown(self, room: float) -> dict[str, Any]:
        """Vega-Lite's title of a picture so wide, printable: long texts take several lines, then are cut."""
        lines = [part for line in self.lines for part in wrapped(line, room, LINE_SIZE, LINES_EACH)]
        if len(lines) > MOST_LINES:
            lines = [*lines[: MOST_LINES - 1], "…"]
        return {"text": wrapped(self.title, room / BOLD, TITLE_SIZE, TITLE_LINES) or [" "], "subtitle": lines}


def text_width(text: str, size: float) -> float:
    """Pixels that a text takes, about: exact for ASCII, never too little for most other scripts."""
    return sum(map(_advance, text)) * size / 1000


def _advance(character: str) -> int:
    code = ord(character) - 0x20
    if 0 <= code < len(_WIDTHS):
        return _WIDTHS[code]
    if unicodedata.combining(character):
        return 0
    return 1050 if ord(character) > 0x2E7F or unicodedata.east_asian_width(character) in "WF" else 850


def wrapped(text: str, room: float, size: float, most: int) -> list[str]:
    """A text as at most so many printable lines, none wider than `room` pixels; `…` ends the last one if it is cut.
    An empty text has none."""
    words = one_line(text, longest=2000, omitted="…").split()
    lines: list[str] = []
    while words and len(lines) < most:
        line, words = _first_line(words, room, size)
        lines.append(line)
    if words:
        lines[-1] = _cut(lines[-1] + "…", room, size)
    return lines


def _first_line(words: list[str], room: float, size: float) -> tuple[str, list[str]]:
    line = words[0]
    if text_width(line, size) > room:
        kept = _fitting(line, room, size)
        return line[:kept], [line[kept:], *words[1:]]
    for number, word in enumerate(words[1:], 1):
        if text_width(f"{line} {word}", size) > room:
            return line, words[number:]
        line = f"{line} {word}"
    return line, []


def _cut(line: str, room: float, size: float) -> str:
    if text_width(line, size) <= room:
        return line
    return line[: _fitting(line, room - text_width("…", size), size)] + "…"


def _fitting(text: str, room: float, size: float) -> int:
    """How many characters have room; at least one."""
    width = 0.0
    for number, character in enumerate(text):
        width += _advance(character) * size / 1000
        if width > room:
            return max(number, 1)
    return len(text)
