"""What commands do first: a daemon's checks, signals, and for root, acting as the owner of the files."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ims.cli.stderr import warn

if TYPE_CHECKING:
    from ims.process.start_checks import Check


def end_checked(checks: Sequence[Check]) -> None:
    """Run the checks, and print that they passed. Raises what the first failing check raises."""
    from ims.process.start_checks import refuse

    refuse(checks)
    warn("checks passed")


def act_as_owner(path: Path, captures: bool = False) -> None:
    """If root: act as the owner of `path`, or else of its folder, and print so. The right to read `captures` stays."""
    if os.geteuid() != 0:
        return
    from ims.process import store_owner

    name = store_owner.act_as_owner(path, captures)
    if name is not None:
        warn(f"root's command acts as {name}, whose {path} is")


STOPPING = (signal.SIGINT, signal.SIGTERM)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call it at SIGINT and SIGTERM, from now on."""
    for number in STOPPING:
        signal.signal(number, lambda *_: stop())


@contextmanager
def signals_handled(handle: Callable[[int, object], None], numbers: Iterable[int] = STOPPING) -> Iterator[None]:
    """Handle these signals inside; afterwards they do what they did before: the demo runs commands in its process."""
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
