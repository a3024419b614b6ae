"""A shell on a machine that goes on from block to block, as a person's does. What hangs in it is ended, and says so."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

PATIENCE_SECONDS = 300
"""For one block of commands: many times what the longest takes on a busy machine."""
UNTIL_SECONDS = 120
UNTIL = """end=$((SECONDS + {seconds}))
until said=$({{ {condition}
}} 2>&1); do
  {meanwhile} || {{ echo "no longer: {meanwhile}; before, it said: $said"; exit 9; }}
  ((SECONDS < end)) || {{ echo "not within {seconds} s; at last it said: $said"; exit 9; }}
done"""


class BlockError(Exception):
    """A block that ended the shell: why, and what it had said."""


class Shell:
    """A bash with `set -euo pipefail`: a command that fails ends it."""

    def __init__(self, words: Sequence[str], typed: Path) -> None:
        """`words` begin it; `typed` is its /root/.typed, from here: what is typed when commands ask."""
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
        self._tell(f"{{\n{text}\n}} </root/.typed\necho; echo '{end}'")
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
        shell = psutil.Process(self._process.pid)
        for process in (*shell.children(recursive=True), shell):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def end(self) -> None:
        """At once."""
        self._process.kill()
        with self._process, contextlib.suppress(BrokenPipeError):  # closes its pipes
            pass

    def _tell(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()
