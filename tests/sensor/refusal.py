"""A sensor's command line that is refused: what it says, in one line."""

from __future__ import annotations

import subprocess

from ..stores import IMS
from .lab import Lab


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What was said by a command line that ended as bad users' do."""
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if "compiling" not in line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("ims: ")
    return lines[0]


def at_machine(lab: Lab, *words: str, block: str = "C/24=198.51.100.0/24", store: str = "STORE") -> str:
    command = [*words, str(IMS), "sensor", "--interface", "eth0", "--store", str(lab.folder / store)]
    command += ["--sensor", "a", "--block", block]
    done = subprocess.run(lab.at_machine(*command), capture_output=True, text=True, check=False, timeout=120)
    return refused(done)
