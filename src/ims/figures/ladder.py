"""A ladder, or sequence diagram, such as the paper's Figure 4: two lifelines, an arrow for each packet, from above to
below in the order of time. Times are written, not drawn to scale: a pause is one step, and says how long it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ims.figures.panel_grid import Grid, Part, picture
from ims.figures.theme import BOLD, CURVE, HATCH, HEADING_SIZE, LABEL_SIZE, LINE, TEXT, Heading, wrapped
from ims.settings.durations import SECOND_US

if TYPE_CHECKING:
    import altair as alt

PAUSE_US = SECOND_US
"""From which on a time without packets is a step of its own."""
RUNG_HEIGHT, PAUSE_HEIGHT = 23, 27
WIDTH, TIMES, RIGHT = 340, 58, 8
"""Pixels of a panel: all, left of the lifelines for times, and right of them."""
NAMED_RIGHT = 96
"""Right of them where there are several ends, for their names: the panel is wider then, so that labels fit as well."""
ABOVE, NAMES_ABOVE, TITLE_ABOVE = 12, 6, 24
LABEL_ABOVE, HEAD, HEAD_SIZE = 4, 4, 62
DASHES = [5, 3]
UNITS = ((86_400, "days"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Arrow:
    """A packet. `time_us`: microseconds; `is_back`: from the right to the left; `label`: what stands on it; `end`: at
    the right, whom it is for or from; `is_sure`: drawn whole, else dashed."""

    time_us: int
    is_back: bool
    label: str
    end: str = ""
    is_sure: bool = True


@dataclass(frozen=True)
class Ladder:
    """A panel: what stands above it, the names of its lifelines, and of each arrow the one that it shows, or none."""

    title: str
    names: tuple[str, str]
    arrows: Sequence[Arrow | None]


@dataclass(frozen=True)
class Rung:
    """A row of a ladder: the place of an arrow, and its time as text; or a pause."""

    place: int
    text: str
    is_pause: bool = False


def rungs_of(times: Sequence[int]) -> list[Rung]:
    """The rows for arrows at these times, which are in order."""
    found: list[Rung] = []
    for place, time in enumerate(times):
        gap = time - times[place - 1] if place else 0
        if gap >= PAUSE_US:
            found.append(Rung(-1, f"{pause_text(gap)} later", is_pause=True))
        found.append(Rung(place, since_text(time - times[0])))
    return found


def since_text(micros: int) -> str:
    """Time since the first packet, with milliseconds while it is less than an hour."""
    seconds, rest = divmod(micros, SECOND_US)
    if seconds < 3600:
        return f"+{seconds // 60}:{seconds % 60:02}.{rest // 1000:03}"
    return f"+{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def pause_text(micros: int) -> str:
    """How long a pause was, in two digits or more."""
    seconds = micros / SECOND_US
    for size, unit in UNITS:
        if seconds >= 2 * size or size == 1:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:,.0f} {unit}"
    raise AssertionError(micros)


def ladders(panels: Sequence[Ladder], heading: Heading) -> alt.TopLevelMixin:
    """A chart of panels side by side, whose arrows of one place are of one packet, at one height. Raises ValueError
    where there is no arrow."""
    rungs = rungs_of(_times(panels))
    at, y = {}, ABOVE
    for number, rung in enumerate(rungs):
        y += PAUSE_HEIGHT if rung.is_pause else RUNG_HEIGHT
        at[number] = y - (PAUSE_HEIGHT if rung.is_pause else RUNG_HEIGHT) / 2 + LABEL_ABOVE
    height = y + ABOVE
    several = len({arrow.end for panel in panels for arrow in panel.arrows if arrow is not None}) > 1
    width, right = WIDTH + (NAMED_RIGHT - RIGHT if several else 0), WIDTH - RIGHT
    charts: list[Any] = []
    datasets: dict[str, list[dict[str, Any]]] = {}
    for number, panel in enumerate(panels, 1):
        data = _datasets(panel, rungs, at, right, several, height)
        datasets |= {f"ladder_{number}_{name}": rows for name, rows in data.items()}
        charts.append(_chart(f"ladder_{number}", panel, (width, right), height))
    part = Part(charts, datasets, ([], [], []), Grid(len(panels), width, height))
    return picture([part], heading)


def _times(panels: Sequence[Ladder]) -> list[int]:
    """Of each place, from whichever panel has an arrow there."""
    places = [
        [arrow.time_us for arrow in each if arrow is not None] for each in zip(*(p.arrows for p in panels), strict=True)
    ]
    if not places or not all(places):
        raise ValueError("a ladder needs arrows, and each of them in some panel")
    return [times[0] for times in places]


def _datasets(
    panel: Ladder, rungs: Sequence[Rung], at: dict[int, float], right: int, has_ends: bool, height: int
) -> dict[str, list[dict[str, Any]]]:
    """Lifelines, arrows and what stands beside them, in pixels."""
    arrows, texts, pauses, lifelines = [], [], [], []
    begin = 0.0
    time = end = ""
    for number, rung in enumerate(rungs):
        y = at[number]
        if rung.is_pause:
            lifelines += [{"x": x, "y": begin, "until": y - 7} for x in (TIMES, right)]
            begin = y + 7
            pauses.append({"x": (TIMES + right) / 2, "y": y, "text": rung.text})
            continue
        arrow = panel.arrows[rung.place]
        if arrow is None:
            continue
        if rung.text != time:
            texts.append({"x": 0, "y": y, "text": rung.text})
            time = rung.text
        room = right - TIMES - 24
        [label] = wrapped(arrow.label, room, LABEL_SIZE, 1) or [""]
        arrows.append({
            "x": TIMES + 1, "until": right - 1, "y": y, "text": label, "middle": (TIMES + right) / 2,
            "head": TIMES + HEAD if arrow.is_back else right - HEAD,
            "shape": "triangle-left" if arrow.is_back else "triangle-right",
            "shade": CURVE if arrow.is_back else LINE, "dash": DASHES if not arrow.is_sure else [1, 0],
        })  # fmt: skip
        if has_ends and arrow.end != end:
            end = arrow.end
            [name] = wrapped(end, NAMED_RIGHT - 8, LABEL_SIZE, 1) or [""]
            texts.append({"x": right + 6, "y": y, "text": name})
    lifelines += [{"x": x, "y": begin, "until": height} for x in (TIMES, right)]
    sure = [row for row in arrows if row["dash"] != DASHES]
    return {
        "sure": sure, "unsure": [row for row in arrows if row["dash"] == DASHES], "arrows": arrows, "beside": texts,
        "pauses": pauses, "lifelines": lifelines,
    }  # fmt: skip


def _chart(prefix: str, panel: Ladder, across_px: tuple[int, int], height: int) -> Any:
    """`across_px`: the panel's width, and where its right lifeline is."""
    import altair as alt

    width, right = across_px

    def data(name: str) -> Any:
        return alt.Chart(alt.NamedData(f"{prefix}_{name}"))

    def across(field: str) -> Any:
        return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, width], nice=False, zero=False), axis=None)

    down = alt.Y("y:Q", scale=alt.Scale(domain=[height, 0], nice=False, zero=False), axis=None)
    shade = alt.Color("shade:N", scale=None)
    rule = {"strokeWidth": 1.2}
    layers = [
        data("lifelines").mark_rule(color=HATCH, strokeWidth=1.4).encode(across("x"), down, alt.Y2("until")),
        data("sure").mark_rule(**rule).encode(across("x"), down, alt.X2("until"), color=shade),
        data("unsure").mark_rule(**rule, strokeDash=DASHES).encode(across("x"), down, alt.X2("until"), color=shade),
        data("arrows")
        .mark_point(filled=True, size=HEAD_SIZE, opacity=1)
        .encode(across("head"), down, shape=alt.Shape("shape:N", scale=None), color=shade),
        data("arrows")
        .mark_text(dy=-LABEL_ABOVE, baseline="alphabetic", color=TEXT)
        .encode(across("middle"), down, text="text:N"),
        data("beside").mark_text(align="left", baseline="middle").encode(across("x"), down, text="text:N"),
        data("pauses").mark_text(baseline="middle", fontStyle="italic").encode(across("x"), down, text="text:N"),
    ]
    title = {"fontSize": HEADING_SIZE, "fontWeight": "bold", "color": TEXT}
    layers += [
        _text(panel.title, 0, TITLE_ABOVE, width, title),
        _text(panel.names[0], TIMES, NAMES_ABOVE, (right - TIMES) / 2, {}),
        _text(panel.names[1], right, NAMES_ABOVE, (right - TIMES) / 2, {"align": "right"}),
    ]
    return alt.layer(*layers).properties(width=width, height=height, view=alt.ViewConfig(stroke=None))


def _text(text: str, x: float, above: float, room: float, look: dict[str, Any]) -> Any:
    """A text above the panel."""
    import altair as alt

    look = {"align": "left", "baseline": "alphabetic", "fontSize": LABEL_SIZE, **look}
    [shown] = wrapped(text, room / BOLD, look["fontSize"], 1) or [""]
    place = {"x": alt.value(x), "y": alt.value(-above), "text": alt.value(shown)}
    return alt.Chart(alt.NamedData("one_row")).mark_text(**look).encode(**place)
