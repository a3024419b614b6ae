"""docs/simulate.md: its tables are what the code says, and what it and README print runs as printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scripts.generate_docs import simulate

from ..effort import exhaustive
from .conftest import Shell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "simulate.md").read_text()


def blocks(language: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_its_tables_are_what_the_code_says() -> None:
    assert simulate() == PAGE


@pytest.fixture(scope="module")
def played(desk: Path, shell: Shell) -> Path:
    """The desk, where the page's own scenario was written down and played."""
    [scenario] = blocks("toml")
    (desk / "mine.toml").write_text(scenario)
    [lines] = [block for block in blocks("sh") if "mine.toml" in block]
    done = shell(lines)
    assert done.returncode == 0, done.stderr
    assert "nothing found" not in done.stdout
    return desk


def test_the_scenario_of_one_s_own_runs_and_the_store_tells_its_truth(played: Path, shell: Shell) -> None:
    [code] = blocks("python")
    done = shell(f"cat > compare.py <<'END'\n{code}\nprint('as planted')\nEND\npython compare.py")
    assert done.stdout == "as planted\n", done.stderr


def test_each_key_of_the_truth_is_explained_and_no_other(played: Path) -> None:
    truth = json.loads((played / "mine.json").read_text())
    tables = PAGE[PAGE.index("## The truth") : PAGE.index("## The scenarios that")].split("| key of an event |")
    whole, event = (set(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)) for table in tables)
    explained = {word.strip(" `") for words in whole for word in words.split(",")}
    assert explained - {"darknet.blocks", "live"} == set(truth)
    assert {word.strip(" `") for words in event for word in words.split(",")} == set(truth["events"][0])
    inside = set(re.findall(r"`(\w+)`", tables[0] + tables[1]))
    nested = [*truth["darknet"], *truth["darknet"]["blocks"][0], *truth["one_cache_for_all_blocks"][0]]
    nested += [key for event in truth["events"] for block in event["blocks"].values() for key in block]
    nested += [key for event in truth["events"] for listed in event["signatures"] for key in listed]
    nested += [key for event in truth["events"] for persona in event["personas"].values() for key in persona]
    assert set(nested) <= inside


@exhaustive  # tests/simulate/test_blaster.py has a fortieth of it
def test_a_plain_series_of_blaster_shows_three_phases(desk: Path, shell: Shell) -> None:
    [lines] = [block for block in blocks("sh") if "blaster-2003" in block]
    done = shell(lines + "ims query series --bin 1h --store BLASTER --format json > series.json")
    assert done.returncode == 0, done.stderr
    assert "2003-08-12" in done.stdout
    rows = json.loads((desk / "series.json").read_text())
    hours = [row["value"] for row in rows]
    peak = hours.index(max(hours))
    assert rows[peak]["time"].startswith("2003-08-12T")
    before, after = hours[: peak - 24], hours[-24:]
    assert max(before) < 0.05 * hours[peak]  # a baseline, most of it other ports
    growth = hours[peak - 8 : peak + 1]
    assert growth == sorted(growth)
    assert growth[0] < 0.25 * hours[peak]
    assert 0.4 < sum(hours[peak + 10 : peak + 13]) / (3 * hours[peak]) < 0.65  # half after 10 or 11 hours
    assert max(before) < min(after) < max(after) < 0.1 * hours[peak]  # and it stays


def test_what_readme_says_of_it_runs(desk: Path, shell: Shell) -> None:
    [lines] = [block for block in blocks("sh", (ROOT / "README.md").read_text()) if "ims simulate" in block]
    done = shell(lines)
    assert done.returncode == 0, done.stderr
    assert json.loads((desk / "sasser.json").read_text())["scale"] == 0.1
