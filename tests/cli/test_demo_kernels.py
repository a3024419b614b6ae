"""What compiles beside a demo: its word is waited for, it ends with the demo, and where it fails nobody waits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ims.cli import demo_kernels
from ims.cli.demo_kernels import compiling_beside


def test_it_says_when_the_stages_are_ready_and_ends_with_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(told)!r}).write_text(str(os.getpid()))"
    monkeypatch.setattr(demo_kernels, "COMPILE", f"{code}; print('stages', flush=True); time.sleep(600)")
    with compiling_beside() as compiled:
        assert compiled() == b"stages\n"
        os.kill(int(told.read_text()), 0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)


def test_what_fails_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_kernels, "COMPILE", "raise SystemExit('no compiler')")
    with compiling_beside() as compiled:
        assert compiled() == b""
        assert compiled() == b""


def test_as_it_stands_it_comes_to_the_stages() -> None:
    """It is a text, which no other check reads."""
    with compiling_beside() as compiled:
        assert compiled() == b"stages\n"
