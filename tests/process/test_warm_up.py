"""Kernels are loaded by name: of the parts that are asked for, and of nothing else."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from ims.process.warm_up import PARTS, compile_all


@pytest.mark.parametrize("part", PARTS)
def test_what_loads_a_part_is_there(part: str) -> None:
    module, _, name = PARTS[part].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_parts_are_loaded_in_the_order_in_which_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    for part, place in PARTS.items():
        monkeypatch.setattr(place.replace(":", "."), lambda part=part: loaded.append(part))
    compile_all("stages", "scans")
    assert loaded == ["stages", "scans"]
    loaded.clear()
    compile_all()
    assert loaded == list(PARTS)


def test_another_part_is_refused() -> None:
    with pytest.raises(KeyError, match="nothing"):
        compile_all("nothing")


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, ims.process.warm_up; print([m for m in sys.modules if m.startswith(('ims.sensor', 'ims.q'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_as_a_program_it_loads_what_it_is_told_to() -> None:
    words = [sys.executable, "-m", "ims.process.warm_up", "scans"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
