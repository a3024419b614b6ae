"""The notebooks run from a clean kernel, and show what they say."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"
HOSTS = "0.2"
"""Of the scenarios' hosts, so that it is quick."""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The cells of blaster-week after it ran, in an empty folder."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOKS / "blaster-week.ipynb", as_version=4)
    nbformat.validate(notebook)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=os.environ | {"HOSTS": HOSTS, "IPYTHONDIR": str(folder / "ipython")})
    return list(notebook.cells)


def shown(cells: list[Any], source: str) -> Any:
    """The output of the cell that has this line."""
    [cell] = [cell for cell in cells if cell.cell_type == "code" and source in cell.source.splitlines()]
    [output] = [each for each in cell.outputs if each.output_type == "execute_result"]
    return output.data


def test_every_cell_runs_and_says_nothing_of_an_error(cells: list[Any]) -> None:
    for cell in cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error"
            assert not re.search(r"Traceback|ims: (?!.*packets)|command not found", output.get("text", "")), cell.source


@pytest.mark.parametrize("name", ["outbreak", "hosts", "day"])
def test_a_result_shows_its_figure_and_its_tables(cells: list[Any], name: str) -> None:
    data = shown(cells, name)
    assert "<svg" in data["text/html"] and "<table" in data["text/html"]
    assert data["text/plain"].startswith("<Result of ")


def test_the_paper_s_figures_are_in_the_intervals(cells: list[Any]) -> None:
    table = shown(cells, "compared")["text/html"]
    assert (table.count("<td>True</td>"), table.count("<td>False</td>")) == (3, 0)


def test_all_infected_hosts_are_found_and_nobody_else(cells: list[Any]) -> None:
    counted = json.loads(shown(cells, next(iter(
        line for cell in cells for line in cell.source.splitlines() if "found wrongly" in line
    )))["text/plain"].replace("'", '"'))  # fmt: skip
    assert counted["infected, and seen"] == counted["found"] > 300
    assert counted["found wrongly"] == counted["missed"] == 0


def test_most_are_on_near_five_in_the_morning_gmt(cells: list[Any]) -> None:
    found = re.search(r"peak_hour ([0-9.]+) \(([0-9.]+) to ([0-9.]+)\)", shown(cells, "day")["text/plain"])
    assert found is not None
    value, low, high = map(float, found.groups())
    assert low <= 5 <= high < value + 2


def test_outputs_are_not_kept() -> None:
    """They are drawn anew by who runs it; figures are in docs/figures."""
    for path in NOTEBOOKS.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
