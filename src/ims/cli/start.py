"""What commands do first: what a daemon's start checks, and for root, whose files are written."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ims.process.start_checks import Check


def end_checked(checks: Sequence[Check]) -> None:
    """Run them, and say that all is well. Raises what the first one raises that finds something wrong."""
    from ims.process.start_checks import refuse

    refuse(checks)
    print("ims: checks passed", file=sys.stderr)


def act_as_owner(path: Path, captures: bool = False) -> None:
    """Act as the user whom `path`, or else its folder, belongs to, and say so. Only for root, who keeps the right to
    read `captures`."""
    if os.geteuid() != 0:
        return
    from ims.process import store_owner

    name = store_owner.act_as_owner(path, captures)
    if name is not None:
        print(f"ims: root's command acts as {name}, whose {path} is", file=sys.stderr)
