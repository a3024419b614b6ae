"""What `ims doctor` checks of every daemon, and how it reports."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from ims.cause import cause
from ims.process.privileges import stays_root

OK, WARNING, WRONG = "ok", "warning", "wrong"


class Finding(NamedTuple):
    """The result of one check."""

    level: str
    subject: str
    found: str
    remedy: str = ""


def findings(looks: Mapping[str, Callable[[], Iterable[Finding]]]) -> Iterator[Finding]:
    """The findings of some checks, by subject; also of those that can't be made."""
    for subject, look in looks.items():
        try:
            yield from look()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            yield Finding(WARNING, subject, f"couldn't look: {cause(error)}", "look again when the rest is right")


def root(name: str | None) -> Iterator[Finding]:
    """Whether a daemon stays root; `name`: its setting `user`."""
    if stays_root(name):
        yield Finding(WARNING, "user", "it stays root", "leave `user` out, or name another")
