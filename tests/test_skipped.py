"""A run in which nothing may be skipped fails where something was, and says what; other runs don't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .effort import sampled
from .skipped import SKIP_NOTHING

ROOT = Path(__file__).parents[1]
CONFTEST = "from tests.skipped import fail_if_skipped as pytest_configure"
AS_NOBODY = """
import os
from tests.skipped import fail_if_skipped

def pytest_configure(config):
    os.seteuid(65534)
    fail_if_skipped(config)
    os.seteuid(0)
"""
RUNS = "def test_that_runs(): pass"
SKIPPED = {
    "mark": "import pytest\n@pytest.mark.skipif(True, reason='no tool')\ndef test_it(): pass",
    "inside": "import pytest\ndef test_it(): pytest.skip('no tool')",
    "fixture": "import pytest\n@pytest.fixture\ndef tool(): pytest.skip('no tool')\ndef test_it(tool): pass",
    "file": "import pytest\npytest.skip('no tool', allow_module_level=True)\ndef test_it(): pass",
    "values": "import pytest\n@pytest.mark.parametrize('tool', [])\ndef test_it(tool): pass",
}
LIST = "skipped, and nothing may be skipped here"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="others may skip tests; CI is root")


def run(
    folder: Path, tests: dict[str, str], *words: str, conftest: str = CONFTEST, **environment: str
) -> tuple[int, str]:
    """How pytest ends, and what it says, of some files of tests beside one that runs."""
    (folder / "conftest.py").write_text(conftest)
    for name, text in {"runs": RUNS, **tests}.items():
        (folder / f"test_{name}.py").write_text(text)
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", SKIP_NOTHING)}
    inherited = {name: value for name, value in inherited.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, str(folder)],
        cwd=folder, env=inherited | environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@as_root
@pytest.mark.parametrize("workers", sampled(["0", "2"], ["2"]))
def test_however_a_test_was_skipped_the_run_fails_and_names_it(tmp_path: Path, workers: str) -> None:
    code, said = run(tmp_path, SKIPPED, "-n", workers, **{SKIP_NOTHING: "1"})
    assert code == 1 and f" {len(SKIPPED)} {LIST} " in said, said
    listed = said.partition(LIST)[2]
    for name in ("mark", "inside", "fixture"):
        assert f"\ntest_{name}.py::test_it: no tool\n" in listed
    assert "\ntest_file.py: no tool\n" in listed and "\ntest_values.py::test_it[" in listed


@as_root
def test_what_the_machine_forbids_is_listed_only(tmp_path: Path) -> None:
    forbidden = 'import pytest\ndef test_it(): pytest.skip("file systems can\'t be mounted here; CI is root")'
    code, said = run(tmp_path, {"mount": forbidden}, **{SKIP_NOTHING: "1"})
    assert code == 0 and f" 1 {LIST} " in said and "test_mount.py::test_it: file systems" in said, said


@as_root
def test_what_fails_is_no_less_a_failure(tmp_path: Path) -> None:
    tests = {"some": SKIPPED["mark"], "other": "def test_other(): raise KeyError"}
    code, said = run(tmp_path, tests, **{SKIP_NOTHING: "1"})
    assert code == 1 and "1 failed, 1 passed, 1 skipped" in said and LIST in said


@as_root
def test_ci_is_such_a_run(tmp_path: Path) -> None:
    assert f"export {SKIP_NOTHING}=1" in (ROOT / ".ci" / "run").read_text()
    conftest = "from tests.conftest import pytest_configure"
    assert run(tmp_path, {"some": SKIPPED["mark"]}, conftest=conftest, CI="true")[0] == 1


def test_where_nothing_was_skipped_nothing_is_said(tmp_path: Path) -> None:
    left = "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_that_fails(): raise KeyError"
    code, said = run(tmp_path, {"left": left}, **{SKIP_NOTHING: "1"})
    assert code == 0 and LIST not in said, said


@as_root
def test_ordinary_users_may_skip_tests(tmp_path: Path) -> None:
    code, said = run(tmp_path, SKIPPED, conftest=AS_NOBODY, **{SKIP_NOTHING: "1"})
    assert code == 0 and LIST not in said, said


def test_newcomers_may_skip_tests(tmp_path: Path) -> None:
    code, said = run(tmp_path, SKIPPED)
    assert code == 0 and f"1 passed, {len(SKIPPED)} skipped" in said and LIST not in said, said
