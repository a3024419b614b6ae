"""Standard error: lines for people, and a stream that survives its reader.

When a log's reader ends (`2>&1 | head`), a daemon goes on, a failing command keeps its exit status, and the text is
lost. Standard output differs: a command ends when its reader has read enough (`main`).
"""

from __future__ import annotations

import io
import sys
from typing import Any

from ims.text import printable


class _Unread(io.FileIO):
    before: Any = None
    """The stream that it replaces, kept alive: closing that one would close the descriptor."""

    def write(self, octets: Any) -> int:
        """Write as a file does; without a reader, discard everything."""
        try:
            return super().write(octets) or 0
        except BrokenPipeError:
            return memoryview(octets).nbytes


def outlive_its_reader() -> None:
    """Replace this process's standard error by such a stream, if it is a file: a calling program may have put something
    else there."""
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return
    raw = _Unread(descriptor, "w", closefd=False)
    raw.before = sys.stderr
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=sys.stderr.encoding, errors="backslashreplace", line_buffering=True
    )


def error_line(error: BaseException) -> str:
    """What is wrong, and with which file if known; an engine's own message is replaced by the engine's name."""
    from ims.cause import cause, engine_behind

    engine = engine_behind(error)
    if engine is not None:
        return f"{engine} failed unexpectedly; IMS_DEBUG=1 shows what it says"
    return printable(cause(error))


def note(text: str) -> None:
    """Print lines for people on standard error: standard output is left to what may be pasted or parsed."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr)


def warn(*lines: str) -> None:
    """Print lines for people on standard error, each behind `ims: `."""
    for line in lines:
        print(f"ims: {printable(line)}", file=sys.stderr)
