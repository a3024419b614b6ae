"""docs/analyses.md: its tables are what the code says, what it prints runs as printed, and its pictures are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from scripts.draw_figures import FIGURES, draw
from scripts.generate_docs import analyses

from ims.analyse.analyses import ANALYSES

from .conftest import Shell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "analyses.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_its_tables_are_what_the_code_says() -> None:
    assert analyses() == PAGE


def test_its_commands_run_as_printed(stocked: Path, shell: Shell) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert {shlex.split(line)[2] for line in lines} == set(ANALYSES)
    done = shell("\n".join(lines))
    assert done.returncode == 0, done.stderr
    assert (stocked / "rate.svg").read_text().startswith("<svg")


def test_its_python_runs_as_printed(stocked: Path, shell: Shell) -> None:
    [code] = blocks("python")
    done = shell(f"cat > page.py <<'END'\n{code}\nprint(rows.columns[0])\nEND\npython page.py")
    assert done.returncode == 0, done.stderr
    value, size, column = done.stdout.split()
    assert float(value) > 0 and float(size) == 1 and column == "block"
    assert (stocked / "rate.png").read_bytes().startswith(b"\x89PNG")


def test_its_pictures_are_those_that_are_drawn() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(figures/([\w-]+)\.svg\)", PAGE)
    assert pictures == list(FIGURES)
    assert all((ROOT / "docs" / "figures" / f"{name}.svg").read_text().startswith("<svg") for name in pictures)


SHOWN = {
    "rate": ["C/24: mean", "highest mean divided by lowest"],
    "local-preference": ["From the own /16", "by chance"],
    "signature": ["All packets", "Payload "],
    "ports": ["packets/day per /24", "whose traffic changed its level"],
    "storage": ["Bytes that packets take in each day", "stored here: "],
    "cache": ["Hit rate of the signature cache in each hour", "C/24"],
    "new-payloads": ["Payloads never seen before, of which", "Came to a third block"],
    "outbreak": ["doubling time", "persistence"],
    "chain": ["Hosts that did the steps in order: ", "Identified so far"],
    "circadian": ["Sources in each hour", "hour of the day (UTC)"],
    "exchange": ["8 packets of 130.233.255.175, and 6 replies", "PSH ACK, 1,460 octets", "may have come all the same"],
}
"""By figure, texts in it."""
OFTEN = ("rate",)
"""Drawn at each commit; the others by `make test-all`: 9 s each."""


def test_each_figure_is_looked_at() -> None:
    assert SHOWN.keys() == FIGURES.keys()


@pytest.mark.parametrize(
    "name", [each if each in OFTEN else pytest.param(each, marks=pytest.mark.exhaustive) for each in FIGURES]
)
def test_a_figure_is_drawn_from_re_created_traffic(name: str, tmp_path: Path) -> None:
    """As `make figures` does, of a hundredth of the hosts."""
    drawn = draw(name, tmp_path, scale="0.01").read_text()
    assert all(text in drawn for text in SHOWN[name])
