"""Tables fit the room there is without a cell that is cut; where a row takes several lines, it is said what helps."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ims.cli.narrow_table import INDENT, bands, narrow_lines
from ims.query.verbs import VERBS

from ..query.words import line_of
from ..stores import cli

WORDS: dict[str, tuple[str, ...]] = {
    "top": ("source",), "chain": line_of("chain"), "series": ("--group", "source", "--limit", "30"), "packets": ("--limit", "30"),
}  # fmt: skip
WIDE = ("packets", "payloads", "sources", "chain", "cache", "storage", "coverage", "sightings", "novelty")


@pytest.mark.parametrize("verb", VERBS)
def test_every_table_fits_eighty_columns(one_store: Path, verb: str) -> None:
    words = ("query", verb, *WORDS.get(verb, ()), "--store", one_store)
    narrow, whole = (cli(*words, env=os.environ | {"COLUMNS": columns}) for columns in ("80", "0"))
    table, _, _ = narrow.stdout.partition("\n\n")
    assert all(cell_len(line) <= 80 for line in narrow.stdout.splitlines())
    head, _, *rows = whole.stdout.partition("\n\n")[0].splitlines()
    assert table.replace("─", "").split() == f"{head} {' '.join(rows)}".replace("─", "").split()
    told = [line for line in narrow.stderr.splitlines() if "several lines" in line]
    assert bool(told) == (verb in WIDE) and "several lines" not in whole.stderr
    for line in told:
        needed = int(line.split("; ")[1].split()[0])
        enough = cli(*words, env=os.environ | {"COLUMNS": str(needed)})
        assert (enough.stdout, "several lines" in enough.stderr) == (whole.stdout, False)
        less = cli(*words, env=os.environ | {"COLUMNS": str(needed - 1)})
        assert "several lines" in less.stderr


def test_what_is_no_table_is_the_same_however_wide(one_store: Path) -> None:
    for format in ("json", "csv"):
        words = ("query", "sources", "--store", one_store, "--format", format)
        assert cli(*words, env=os.environ | {"COLUMNS": "20"}).stdout == cli(*words).stdout
    assert json.loads(cli("query", "count", "--store", one_store, "--format", "json").stdout)["packets"] == 3000


TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126) | st.sampled_from("äß漢字"), max_size=30)


@given(st.data(), st.integers(1, 8), st.integers(34, 120))
def test_no_cell_is_cut_and_all_stand_in_order(data: st.DataObject, columns: int, room: int) -> None:
    cells = st.lists(TEXTS, min_size=columns, max_size=columns)
    names, rows = data.draw(cells), data.draw(st.lists(cells, max_size=4))
    right = data.draw(st.lists(st.booleans(), min_size=columns, max_size=columns))
    lines = narrow_lines(names, rows, right, room)
    if max(map(cell_len, (cell for row in (names, *rows) for cell in row))) <= room - len(INDENT):
        assert all(cell_len(line) <= room for line in lines)
    said = " ".join(line for line in lines if set(line) != {"─"}).split()
    assert said == [cell for row in (names, *rows) for cell in row if cell]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(1, 120))
def test_each_column_stands_on_one_line(widths: list[int], room: int) -> None:
    assert [at for band in bands(widths, room) for at in band] == list(range(len(widths)))
