"""Run a program and say what it took: wall clock, CPU, peak memory, what it printed.

The peak of a child counts what its parent held when it was started (Linux keeps it over exec), so this module
and those that call it import neither NumPy nor anything else that is large.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu_seconds: float
    """user and system, all threads"""
    peak_bytes: int
    """resident memory at its highest, of the largest process"""
    output: str


def run(command: list[str], env: dict[str, str] | None = None) -> Run:
    """Run to the end. Raises RuntimeError with the last lines of standard error where it fails."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env={**os.environ, **(env or {})}
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()[-5:]
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: " + " / ".join(said))
        output.seek(0)
        text = output.read(1 << 20).decode(errors="replace")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, text)


def read_through(path: Path) -> None:
    """Read the file once, so that every program finds it in the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def tree_bytes(folder: Path) -> int:
    """Bytes of all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
