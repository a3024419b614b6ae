"""Runs `ims` with a clock that can be set, and a transmit side that can be broken, while it runs.

    python altered.py FOLDER IMS WORD...

FOLDER/clock holds nanoseconds that are added to the clock, to that which the process reads and to that with which the
kernel stamps frames; while FOLDER/broken is there, sending fails as on a card whose queue is stuck. All else is as in
`ims`: real sockets, rings and frames.
"""

from __future__ import annotations

import errno
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])
real_time_ns = time.time_ns


def shift() -> int:
    try:
        return int((FOLDER / "clock").read_text())
    except FileNotFoundError:
        return 0


time.time_ns = lambda: real_time_ns() + shift()
time.time = lambda: time.time_ns() / 1e9

from ims.capture.afpacket import Ring  # noqa: E402
from ims.capture.transmit import Outgoing  # noqa: E402

take, send = Ring.next, Outgoing.send


def take_later(ring: Ring) -> Any:
    frames = take(ring)
    if frames is not None:
        frames.time[: frames.count] += shift()
    return frames


def send_or_fail(wire: Outgoing) -> None:
    if (FOLDER / "broken").exists():
        raise OSError(errno.ENOBUFS, "No buffer space available")
    send(wire)


Ring.next = take_later  # type: ignore[method-assign]
Outgoing.send = send_or_fail  # type: ignore[method-assign]

if __name__ == "__main__":
    from ims.cli import main

    sys.argv = sys.argv[2:]
    main()
