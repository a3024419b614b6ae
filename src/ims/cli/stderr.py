"""Standard error whose reader may go: what is said then is lost, and nothing else happens.

A daemon whose log is piped to a program that ends (`2>&1 | head`) goes on watching; a command that fails keeps its exit
status. Standard output is another matter: who has read enough of it ends the command (`main`).
"""

from __future__ import annotations

import io
import sys
from typing import Any


class _Unread(io.FileIO):
    before: Any = None
    """What was in its place: closed with it, for a closed one would close the descriptor."""

    def write(self, octets: Any) -> int:
        """As of a file; of a pipe without a reader, all is taken and thrown away."""
        try:
            return super().write(octets) or 0
        except BrokenPipeError:
            return memoryview(octets).nbytes


def outlive_its_reader() -> None:
    """Put such a standard error in the place of this process's, if that is a file: a program that calls us may have put
    something else there."""
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return
    raw = _Unread(descriptor, "w", closefd=False)
    raw.before = sys.stderr
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=sys.stderr.encoding,
        errors="backslashreplace",
        line_buffering=True,
    )


def error_line(error: BaseException) -> str:
    """What is wrong, and with which file where that is known; of an engine's own words only whose they are."""
    from ims.cause import cause, engine_behind
    from ims.text import printable

    engine = engine_behind(error)
    if engine is not None:
        return f"{engine} failed unexpectedly; IMS_DEBUG=1 shows what it says"
    return printable(cause(error))
