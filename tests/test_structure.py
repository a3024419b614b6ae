"""`make check` finds what it promises to find in a tree that has it, and nothing in one that hasn't."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts.check_structure import MOST, WITHOUT_TEST, main, private_imports, stale_mentions, untested

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two modules, one of which has a test, and a page."""
    for folder in ("src/ims/hall", "tests/hall", "scripts", "benchmarks", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "src/ims/hall/__init__.py").write_text('"""A hall."""\n')
    (tmp_path / "src/ims/hall/one.py").write_text('"""See hall/two.py."""\nfrom ims.hall.two import name\n')
    (tmp_path / "src/ims/hall/two.py").write_text("name = 1\n")
    (tmp_path / "tests/hall/test_one.py").write_text("")
    (tmp_path / "tests/hall/test_two.py").write_text("")
    (tmp_path / "docs/page.md").write_text("`src/ims/hall/one.py`, as in one.py\n--- a/src/ims/gone.py\n")
    return tmp_path


def test_a_tree_that_is_right_is_let_through(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [*untested(tree, {}), *private_imports(tree), *stale_mentions(tree)] == []


def test_a_module_without_a_test_is_named_unless_there_is_a_reason(tree: Path) -> None:
    (tree / "tests/hall/test_two.py").unlink()
    assert list(untested(tree, {})) == ["src/ims/hall/two.py: expected tests/hall/test_two.py"]
    assert list(untested(tree, {"hall/two.py": "a table"})) == []


def test_a_reason_that_nothing_needs_is_named(tree: Path) -> None:
    for name in ("hall/one.py", "hall/gone.py"):
        [found] = untested(tree, {name: "a table"})
        assert found.startswith(f"src/ims/{name} has a test, or is gone")


def test_too_many_reasons_are_too_many(tree: Path) -> None:
    found = list(untested(tree, {f"hall/no{number}.py": "" for number in range(MOST + 1)}))
    assert f"at most {MOST}" in found[-1]


def test_a_private_name_of_another_module_is_named(tree: Path) -> None:
    (tree / "src/ims/hall/one.py").write_text("from ims.hall.two import _name\nfrom ims import __version__\n")
    assert list(private_imports(tree)) == ["src/ims/hall/one.py:1: _name is private to ims.hall.two"]


@pytest.mark.parametrize("file", ["src/ims/hall/one.py", "docs/page.md"])
def test_a_module_that_is_not_there_is_named(tree: Path, file: str) -> None:
    (tree / file).write_text('"""As in three.py, hall/two.py and other/two.py."""\n')
    assert list(stale_mentions(tree)) == [f"{file}:1: there is no three.py", f"{file}:1: there is no other/two.py"]


def test_each_module_without_a_test_has_a_reason() -> None:
    assert all(len(reason.split()) > 3 for reason in WITHOUT_TEST.values())
    assert main(ROOT) == 0
