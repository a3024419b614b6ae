"""What a command that writes files of a store, a portal or an authority does first, where root types it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def act_as_owner(path: Path, captures: bool = False) -> None:
    """Act as the user whom `path`, or else its folder, belongs to, and say so. Only for root, who keeps the right to
    read `captures`."""
    if os.geteuid() != 0:
        return
    from ims.process import store_owner

    name = store_owner.act_as_owner(path, captures)
    if name is not None:
        print(f"ims: root's command acts as {name}, whose {path} is", file=sys.stderr)
