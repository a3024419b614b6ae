"""What `ims doctor` looks at of every daemon, and how what was found is told."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from ims.cause import cause

OK, WARNING, WRONG = "ok", "warning", "wrong"


class Finding(NamedTuple):
    """One thing looked at."""

    level: str
    subject: str
    found: str
    remedy: str = ""


def findings(looks: Mapping[str, Callable[[], Iterable[Finding]]]) -> Iterator[Finding]:
    """What some looks, by subject, find; one that can't look says so."""
    for subject, look in looks.items():
        try:
            yield from look()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            yield Finding(WARNING, subject, f"couldn't look: {cause(error)}", "look again when the rest is right")


def root(name: str | None) -> Iterator[Finding]:
    """Whether a daemon stays root; `name`: its setting `user`."""
    if os.geteuid() == 0 and name == "root":
        yield Finding(WARNING, "user", "it stays root", "leave `user` out, or name another")
