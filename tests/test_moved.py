"""What was imported from elsewhere before is still there for one release, and who imports it is told."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest

from ims.moved import MOVED, NAMES

PACKAGES = {old: new for old, new in MOVED.items() if new.startswith(f"{old}.")}
"""Modules that are packages now, whose names these have."""


@pytest.mark.parametrize(("old", "new"), [pair for pair in MOVED.items() if pair[0] not in PACKAGES])
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


@pytest.mark.parametrize(("package", "module"), PACKAGES.items())
def test_a_package_has_the_names_of_the_module_that_it_was(package: str, module: str) -> None:
    now = importlib.import_module(module)
    found = importlib.import_module(package)
    own = [name for name, value in vars(now).items() if getattr(value, "__module__", None) == module]
    assert own
    for name in [name for name in own if not name.startswith("_")]:
        with pytest.warns(DeprecationWarning, match=f"^{package}.{name} is {module}.{name} now$"):
            assert getattr(found, name) is getattr(now, name)
    for name in ("nothing", "_private", "__path_of_nothing__"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(found, name)


def test_modules_of_a_package_are_not_its_earlier_names() -> None:
    program = "from ims.simulate.scenario import models, payloads; from ims.query.distinct import bitmap; print(bitmap)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert "bitmap" in done.stdout


@pytest.mark.parametrize("module", NAMES)
def test_a_name_is_found_where_it_was_and_says_where_it_is(module: str) -> None:
    for name, (new, now) in NAMES[module].items():
        if module in MOVED:
            sys.modules.pop(module, None)
            with pytest.warns(DeprecationWarning, match=f"^{module} is {MOVED[module]} now$"):
                assert getattr(importlib.import_module(module), name) is getattr(importlib.import_module(new), now)
            continue
        with pytest.warns(DeprecationWarning, match=f"^{module}.{name} is {new}.{now} now$"):
            found = getattr(importlib.import_module(module), name)
        assert found is getattr(importlib.import_module(new), now)
    if module not in MOVED:
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = importlib.import_module(module).nothing


def test_the_warning_is_of_the_line_that_imports() -> None:
    program = "from ims.query.limits import DEFAULT_LIMITS\nprint(DEFAULT_LIMITS['top'])\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "10\n"
    assert done.stderr.startswith("<string>:1: DeprecationWarning: ims.query.limits is ims.query.verbs now")
    for line in ("from ims.query.limits import *", "from ims.query.request import Verb"):
        done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
        assert done.stderr.startswith("<string>:1: DeprecationWarning: ")
    assert star_import("ims.query.limits")["DEFAULT_LIMITS"]["top"] == 10


def star_import(module: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with pytest.warns(DeprecationWarning):
        sys.modules.pop(module, None)
        exec(f"from {module} import *", found)
    return found


def test_what_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"ims\.query\.nothing"):
        importlib.import_module("ims.query.nothing")
