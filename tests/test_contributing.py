"""CONTRIBUTING.md names what CI installs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_programs_that_tests_use_are_those_that_ci_installs() -> None:
    [named] = re.findall(r"`apt-get install (.*?)`", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    [installed] = re.findall(r"^wanted=\((.*?)^\)", (ROOT / ".ci" / "run").read_text(), re.DOTALL | re.MULTILINE)
    before = {"make", "git", "python3", "python3-venv"}  # who has cloned it and begun has these
    assert set(named.split()) == set(installed.split()) - before
