"""The version, with its commit: of a checkout from git, of an installation as recorded when it was built
(`scripts/commit_hook.py`, which reads this file by itself)."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

BUILT = "commit.txt"
"""Beside this file, in an installation."""
ARCHIVED = ".git_archival.txt"
"""At the top of what `git archive` writes, which fills it in."""


@functools.cache
def full_version() -> str:
    """Such as `0.1.0 (abcdef123456)`, with `+changes` where files differed from that commit; without the brackets where
    it is unknown. Never fails."""
    from ims import __version__

    package = Path(__file__).parent
    try:
        commit: str | None = (package / BUILT).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        commit = commit_of(package.parent.parent)
    return f"{__version__} ({commit})" if commit else __version__


def commit_of(checkout: Path) -> str | None:
    """The commit of a checkout or of an unpacked archive, 12 digits; None where it is unknown."""
    if not (checkout / ".git").exists():
        try:
            archived = (checkout / ARCHIVED).read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        found = re.fullmatch(r"commit: ([0-9a-f]{12})[0-9a-f]*\n", archived)
        return found[1] if found else None
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # This process runs the checkout's code already, whoever owns it; and `describe` writes nothing.
    words = ["git", "-c", "safe.directory=*", "--no-optional-locks", "-C", str(checkout)]
    words += ["describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+changes"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
