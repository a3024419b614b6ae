"""Draws docs/architecture.svg from the code: its packages, the two paths through them, and who imports whom."""

from __future__ import annotations

import ast
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "ims"
OUT = ROOT / "docs" / "architecture.svg"

ROWS = (
    ("", "", "", "install", "", "", "cli"),
    ("player", "", "", "", "client", "", "portal"),
    ("", "", "sensor", "", "lake", "", "queryd"),
    ("", "", "", "pki", "link", "backend", ""),
    ("", "", "", "", "", "origin", "analyse"),
    ("simulate", "capture", "decode", "respond", "sign", "store", "query"),
    ("", "process", "packet", "kernels", "records", "settings", "figures"),
)
"""From the top down, as the contract of the layers in pyproject.toml has them; empty: nothing stands there."""
MODULES = {
    "backend": ("backend", "plan_backend", "stores_backend", "telescope", "verb_methods", "verb_answers", "query_run",
                "export"),
    "kernels": ("kernels", "kernel_cache", "kernel_folder", "siphash", "membership", "arrow"),
    "records": ("records", "darknet", "unwrap"),
    "process": ("exposition", "cause", "text", "full_disk", "whole_file", "system_folder", "path_owners", "stored_file",
                "freed_memory", "fair_queue", "recent_effort", "version", "moved"),
    "client": ("client",),
}  # fmt: skip
"""Modules that are in no package, by the box they are drawn in; the first one's sentence is the box's."""
DOORS = ("portal", "query", "simulate")
"""Packages whose own packages are named."""
PACKET_PATH = ("capture", "decode", "sign", "store")
ANSWER_PATH = ("decode", "respond")
QUESTION_PATH = ("cli", "portal", "queryd", "query", "store")
OWN_PATH = ("cli", "backend", "query")
"""Of a question that no portal is asked."""
WIDTH, BOX, HEIGHT, GAP, ROW, MARGIN = 1240, 158, 92, 18, 128, 20
COLOURS = {"packet": "#b3541e", "reply": "#8a8a2b", "question": "#1f5fa8"}


class Box(NamedTuple):
    """A box: where it is, and what it says."""

    x: int
    y: int
    title: str
    lines: list[str]


def modules() -> dict[str, Path]:
    """Each module of ims by its dotted name without `ims.`."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        if name:
            found[name] = path
    return found


def box_of(module: str) -> str:
    """The box that a module is drawn in. Raises ValueError where there is none: draw it."""
    top = module.partition(".")[0]
    named = next((box for box, names in MODULES.items() if top in names), top)
    if not any(named in row for row in ROWS):
        raise ValueError(f"scripts/draw_architecture.py has no box for ims.{module}")
    return named


def imports(found: dict[str, Path]) -> set[tuple[str, str]]:
    """Pairs of boxes of which the first imports the second."""
    pairs = set()
    for module, path in found.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ims":
                inside = node.module.partition(".")[2]
                names = [inside] if inside else [alias.name for alias in node.names if alias.name in found]
                pairs.update((box_of(module), box_of(name)) for name in names)
    return {(one, other) for one, other in pairs if one != other}


def direct(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Imports that don't follow from others."""
    further: dict[str, set[str]] = {}

    def reached(box: str) -> set[str]:
        if box not in further:
            further[box] = set()
            for one, other in pairs:
                if one == box:
                    further[box] |= {other} | reached(other)
        return further[box]

    return {
        (one, other) for one, other in pairs
        if not any(other in reached(between) for start, between in pairs if start == one and between != other)
    }  # fmt: skip


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring, up to its colon if it is long."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    return text.partition(". ")[0].rstrip(".")


def folded(text: str, room: int, most: int) -> list[str]:
    """A text in at most so many lines of so many characters."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > room and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [*lines[: most - 1], f"{lines[most - 1]} …"] if len(lines) > most else lines


def boxes(found: dict[str, Path]) -> dict[str, Box]:
    """Every box, in rows."""
    drawn = {}
    for number, row in enumerate(ROWS):
        left = (WIDTH - len(row) * (BOX + GAP) + GAP) // 2
        for at, name in ((at, name) for at, name in enumerate(row) if name):
            said = sentence(found[name if name in found else MODULES[name][0]])
            inside = sorted(each.partition(".")[2] for each, path in found.items()
                            if path.name == "__init__.py" and each.startswith(f"{name}."))  # fmt: skip
            lines = folded(said, 25, 3 if name in DOORS else 5)
            if name in DOORS:
                lines += folded(" · ".join(inside), 25, 2)
            drawn[name] = Box(left + at * (BOX + GAP), MARGIN + 30 + number * ROW, f"ims.{name}", lines)
    return drawn


def path_of(drawn: dict[str, Box], names: tuple[str, ...], kind: str) -> list[str]:
    """A path from box to box, from side to side or from bottom to top."""
    parts = []
    for one, other in pairwise(names):
        a, b = drawn[one], drawn[other]
        if a.y == b.y:
            y = a.y + HEIGHT + 8
            start, end = a.x + BOX // 2, b.x + BOX // 2
            d = f"M {start} {a.y + HEIGHT} C {start} {y + 16}, {end} {y + 16}, {end} {b.y + HEIGHT + 6}"
        elif a.x != b.x and b.y - a.y > ROW:
            d = f"M {a.x} {a.y + HEIGHT // 2} L {b.x + BOX // 2} {a.y + HEIGHT // 2} L {b.x + BOX // 2} {b.y - 7}"
        else:
            d = f"M {a.x + BOX // 2} {a.y + HEIGHT} L {b.x + BOX // 2} {b.y - 7}"
        parts.append(f'<path class="{kind}" d="{d}" marker-end="url(#{kind})"/>')
    return parts


def picture() -> str:
    """The picture, as SVG."""
    found = modules()
    drawn = boxes(found)
    pairs = imports(found)
    for names in (PACKET_PATH, ANSWER_PATH, QUESTION_PATH, OWN_PATH):
        for one, other in pairwise(names):
            handed_on = names is not QUESTION_PATH and any({(box, one), (box, other)} <= pairs for box in drawn)
            read = (one, other) == ("query", "store")  # by files that whoever joins them names
            if (one, other) not in pairs and not handed_on and not read:
                raise ValueError(f"nobody leads from ims.{one} to ims.{other}: mend the path")
    lines = [
        f'<path class="import" d="M {a.x + BOX // 2} {a.y + HEIGHT} L {b.x + BOX // 2} {b.y}"/>'
        for one, other in sorted(direct(pairs)) for a, b in [(drawn[one], drawn[other])] if a.y < b.y
    ]  # fmt: skip
    shapes = []
    for name in sorted(drawn):
        box = drawn[name]
        shapes.append(f'<rect x="{box.x}" y="{box.y}" width="{BOX}" height="{HEIGHT}" rx="6"/>')
        shapes.append(f'<text class="title" x="{box.x + 8}" y="{box.y + 17}">{escape(box.title)}</text>')
        for number, line in enumerate(box.lines):
            shapes.append(f'<text x="{box.x + 8}" y="{box.y + 32 + 13 * number}">{escape(line)}</text>')
    paths = [
        *path_of(drawn, PACKET_PATH, "packet"), *path_of(drawn, ANSWER_PATH, "reply"),
        *path_of(drawn, QUESTION_PATH, "question"), *path_of(drawn, OWN_PATH, "question"),
    ]  # fmt: skip
    told = (
        (COLOURS["packet"], "▬▶ a packet's path, into the store"), (COLOURS["reply"], "▬▶ and its reply"),
        (COLOURS["question"], "▬▶ a question's path, to the store"), ("#999", "— imports, from the upper one"),
    )  # fmt: skip
    legend = [
        f'<text class="legend" x="{MARGIN + 250 * number}" y="{MARGIN + 6}" style="fill:{colour}">{escape(text)}</text>'
        for number, (colour, text) in enumerate(told)
    ]
    markers = [
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="4" markerHeight="4" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 Z" fill="{colour}"/></marker>'
        for kind, colour in COLOURS.items()
    ]
    styles = "".join(f".{kind}{{fill:none;stroke:{colour};stroke-width:3}}" for kind, colour in COLOURS.items())
    height = MARGIN * 2 + 30 + len(ROWS) * ROW
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="10.5">',
        f"<style>rect{{fill:#fbfaf7;stroke:#555}}text{{fill:#222}}.title{{font-weight:bold;font-size:13px}}"
        f".legend{{font-size:13px}}.import{{stroke:#c9c9c9;fill:none}}{styles}</style>",
        "<defs>", *markers, "</defs>", f'<rect width="{WIDTH}" height="{height}" style="fill:#fff;stroke:none"/>',
        *legend, *lines, *shapes, *paths, "</svg>", "",
    ))  # fmt: skip


if __name__ == "__main__":
    OUT.write_text(picture())
