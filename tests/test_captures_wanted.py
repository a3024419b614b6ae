"""Tests on real captures: skipped where there are none, except in CI, where that would hide that nothing was tried."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .stores import SKIP_NOTHING

ROOT = Path(__file__).parents[1]
CONFTEST = """
from pathlib import Path
from tests import stores
from tests.conftest import pytest_configure, pytest_runtest_setup
stores.CAPTURES = Path("/nowhere/captures")
"""
TESTS = """
import pytest
from tests.stores import needs_captures

@needs_captures
def test_of_all(): raise ZeroDivisionError

@needs_captures
@pytest.mark.parametrize("capture", [])
def test_of_each(capture): raise ZeroDivisionError

def test_of_none(): pass
"""


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [({"CI": "true"}, "1 passed, 2 errors"), ({}, "1 passed, 2 skipped"), ({"CI": "false"}, "1 pass")],
)
def test_without_real_captures_their_tests_fail_in_ci_and_are_skipped_elsewhere(
    tmp_path: Path, ci: dict[str, str], outcome: str
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_some.py").write_text(TESTS)
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", SKIP_NOTHING)}
    environment = inherited | ci | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "pytest", "-q", "-rsf", "-p", "no:cacheprovider", "--strict-markers", tmp_path]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert outcome in done.stdout, done.stdout + done.stderr
    assert "no real captures: expected the folder /nowhere/captures" in done.stdout
    assert ("in CI it must be beside the checkout" in done.stdout) == (ci == {"CI": "true"})


def test_every_test_on_real_captures_says_that_it_needs_them() -> None:
    """No file has a rule of its own for when they are missing."""
    for path in set((ROOT / "tests").rglob("*.py")) - {Path(__file__)}:
        text = path.read_text()
        assert "skipif(not CAPTURES" not in text, path
        if "CAPTURES" in text and path.name.startswith("test_"):
            assert "needs_captures" in text, path
