"""What a command line is refused with: one clear line on standard error, and exit code 2."""

from __future__ import annotations

from typing import Any

from ..stores import BLOCK

USUAL = ("--sensor", "a", "--block", BLOCK)


def refused(done: Any, says: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    error = done.stderr if isinstance(done.stderr, str) else done.stderr.decode()
    assert error.startswith("ims: ")
    assert says in error
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    assert all(c.isprintable() or c == "\n" for c in error)
    assert len(done.stdout) == 0
