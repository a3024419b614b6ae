"""The commands that users type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

IMS = Path(sys.executable).parent / "ims"


def ims(*words: str) -> str:
    """What a command prints. Raises RuntimeError where it fails."""
    done = subprocess.run([str(IMS), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ims {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
