"""Progress bars on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer


@contextmanager
def progress_bar(octets: bool = True, after: float = 0) -> Iterator[Callable[[str, float, float | None, str], None]]:
    """Show what is being worked on, how much of it is done, of how much, and a note; `octets`: amounts are bytes;
    `after`: not before so many seconds, for work that may be short.

    Where standard error is no terminal, nothing is shown.
    """
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    name, note = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[note]"))
    amounts = (DownloadColumn(), TransferSpeedColumn()) if octets else ()
    columns = (name, BarColumn(), *amounts, TimeRemainingColumn(), note)
    bar = Progress(*columns, console=Console(stderr=True), transient=not octets)
    task = bar.add_task("", total=None, note="")
    begin = Timer(after, bar.start)
    if after:
        begin.start()
    else:
        bar.start()
    try:
        yield lambda name, done, total, note: bar.update(task, description=name, completed=done, total=total, note=note)
    finally:
        begin.cancel()
        if after:
            begin.join()
        bar.stop()
