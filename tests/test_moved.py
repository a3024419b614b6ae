"""What was imported from elsewhere before is still there for one release, and who imports it is told."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from ims.moved import MOVED


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_a_module_is_found_by_its_earlier_name_and_says_the_new_one(old: str, new: str) -> None:
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"^{old} is {new} now$") as caught:
        found = importlib.import_module(old)
    assert len(caught) == 1
    now = importlib.import_module(new)
    assert now.__name__ == new
    names = [name for name in vars(now) if not name.startswith("_")]
    assert names
    assert all(getattr(found, name) is getattr(now, name) for name in names)
    with pytest.raises(AttributeError):
        _ = found.nothing_of_the_kind


def test_the_warning_is_of_the_line_that_imports() -> None:
    program = "from ims.query.limits import DEFAULT_LIMITS\nprint(DEFAULT_LIMITS['top'])\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "10\n"
    assert done.stderr.startswith("<string>:1: DeprecationWarning: ims.query.limits is ims.query.verbs now")


def test_what_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"ims\.query\.nothing"):
        importlib.import_module("ims.query.nothing")
