"""What `ims doctor` says of one thing it looked at."""

from __future__ import annotations

from typing import NamedTuple

OK, WARNING, WRONG = "ok", "warning", "wrong"


class Finding(NamedTuple):
    """One thing looked at."""

    level: str
    subject: str
    found: str
    remedy: str = ""
