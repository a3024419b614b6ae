"""A shell on a machine that goes on from block to block, as a person's does. What hangs in it is ended, and says so."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

TYPED = "/root/.typed"
"""What is typed when commands ask, on the machine."""
PATIENCE_SECONDS = 300
"""For one block of commands: many times what the longest takes on a busy machine."""
ONLINE_SECONDS = 900
"""For one that installs."""
UNTIL_SECONDS = 120
UNTIL = """end=$((SECONDS + {seconds}))
until said=$({{ {condition}
}} 2>&1); do
  {meanwhile} || {{ echo "no longer: {meanwhile}; before, it said: $said"; exit 9; }}
  ((SECONDS < end)) || {{ echo "not within {seconds} s; at last it said: $said"; exit 9; }}
done"""


class BlockError(Exception):
    """A block that ended the shell: why, and what it had said."""


def kill_all(process: int) -> None:
    """It, and all that it has begun: what is left would keep its streams open."""
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(process)
        for one in (first, *first.children(recursive=True)):  # parents first, who would go on
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def run_once(words: Sequence[str], seconds: float) -> str:
    """What a program prints, on both streams. Raises `BlockError` where it fails, or takes longer."""
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as program:
        try:
            said, _ = program.communicate(timeout=seconds)
            why = f"with status {program.returncode}"
        except subprocess.TimeoutExpired:
            kill_all(program.pid)
            said, _ = program.communicate()
            why = f"still running after {seconds} s"
    if program.returncode:
        raise BlockError(f"{why}:\n{words[-1]}\nsaid:\n{said}")
    return said


class Shell:
    """A bash with `set -euo pipefail`: a command that fails ends it."""

    def __init__(self, words: Sequence[str], typed: Path) -> None:
        """`words` begin it; `typed` is its `TYPED`, from here."""
        self._typed = typed
        self._late = False
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        self._tell("set -euo pipefail")

    def run(self, text: str, stdin: str = "") -> str:
        """What a block prints, on both streams. Raises `BlockError` where one of its commands fails or hangs."""
        end = f"--- {os.urandom(8).hex()} ---"
        self._typed.write_text(stdin)
        self._tell(f"{{\n{text}\n}} <{TYPED}\necho; echo '{end}'")
        said = []
        assert self._process.stdout is not None
        patience = threading.Timer(PATIENCE_SECONDS, self._give_up)
        patience.start()
        try:
            for line in self._process.stdout:
                if line.strip() == end:
                    return "".join(said).removesuffix("\n")
                said.append(line)
        finally:
            patience.cancel()
        status = self._process.wait()
        why = f"still running after {PATIENCE_SECONDS} s" if self._late else f"with status {status}"
        raise BlockError(f"{why}:\n{text}\nsaid:\n{''.join(said)}")

    def _give_up(self) -> None:
        self._late = True
        kill_all(self._process.pid)

    def end(self) -> None:
        """At once."""
        self._process.kill()
        with self._process, contextlib.suppress(BrokenPipeError):  # closes its pipes
            pass

    def _tell(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()
