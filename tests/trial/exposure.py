"""How closed a unit is: what the page says, and what the systemd says that runs it."""

from __future__ import annotations

import re

from .machine import Machine
from .page import DOCS


def measured(machine: Machine, unit: str) -> str:
    """systemd-analyze's figure: 0 is best, 10 worst."""
    said = machine.run(f"systemd-analyze security --no-pager {unit}")
    found = re.search(rf"exposure level for {unit}.service: ([0-9.]+)", said)
    assert found is not None, said
    return found[1]


def printed(page: str) -> list[str]:
    """The page's figures, in order."""
    return re.findall(
        r"`systemd-analyze security`\s+gives\s+(?:it|the\s+unit)\s+\*\*([0-9.]+)\*\*", (DOCS / page).read_text()
    )
