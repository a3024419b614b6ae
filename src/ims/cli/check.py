"""`--check` of a daemon: what its start checks, and no more."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ims.process.start_checks import Check


def end_checked(checks: Sequence[Check]) -> None:
    """Run them, and say that all is well. Raises what the first one raises that finds something wrong."""
    from ims.process.start_checks import refuse

    refuse(checks)
    print("ims: checked; nothing stands in the way", file=sys.stderr)
