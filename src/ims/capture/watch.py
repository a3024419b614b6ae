"""A folder into which captures are rotated, and the folders in it: each file once, when it is finished.

A file is finished when its writer closes it or it is moved into the folder (folder_tree.py). One that was there before,
or came as a link or in a folder, is when no process has it open for writing (file_writers.py); where that isn't known
(another user's process), when there is a newer file, or nothing was written for a while.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ims.capture.file_writers import is_open_for_writing
from ims.capture.folder_tree import FolderTree, Say

SILENCE_SECONDS = 0.2
SETTLE_SECONDS = 2.0
"""A file given too early is given again when its writer closes it; then only what is new in it is ingested."""


def finished_files(
    folder: Path, stop: threading.Event, settle_seconds: float = SETTLE_SECONDS, say: Say = lambda text: None
) -> Iterator[Path | None]:
    """Finished files of `folder` and of the folders in it, in the order in which they were finished, those already
    there first (oldest first); None at least every 200 ms of silence. Ends when `stop` is set, or the folder is gone.

    Names that begin with a dot and files that are gone again are ignored; `say` gets a message for others that are.
    Raises OSError where the folder can't be watched.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    tree = FolderTree(folder, say)
    given: dict[Path, tuple[int, int]] = {}
    unsure = tree.files(folder)
    try:
        while not stop.is_set():
            for path in [path for path in unsure if _is_finished(path, unsure, settle_seconds)]:
                unsure.remove(path)
                if _is_new(path, given, tree):
                    yield path
            while not tree.events.places.empty():
                place, unknown = tree.events.places.get()
                if unknown:
                    tree.watch()
                unsure += [path for path in tree.files(place) if path not in unsure and path not in given]
            try:
                path = tree.events.finished.get(timeout=SILENCE_SECONDS)
            except queue.Empty:
                if tree.is_gone():
                    return
                yield None
                continue
            if path in unsure:
                unsure.remove(path)
            if not tree.hidden(path) and _is_new(path, given, tree):
                yield path
    finally:
        tree.stop()


def _is_new(path: Path, given: dict[Path, tuple[int, int]], tree: FolderTree) -> bool:
    """Whether this file, as it is now, was not given before; a name may come again with other content."""
    try:
        status = path.stat()
    except OSError as error:
        tree.unreadable(error)
        return False
    if not path.is_file() or status.st_size == 0:
        return False
    before, given[path] = given.get(path), (status.st_ino, status.st_mtime_ns)
    return given[path] != before


def _is_finished(path: Path, others: list[Path], settle_seconds: float) -> bool:
    try:
        status = path.stat()
    except OSError:  # `_is_new` says why
        return True
    being_written = is_open_for_writing(status.st_dev, status.st_ino)
    if being_written is not None:
        return not being_written
    return path != others[-1] or time.time() - status.st_mtime >= settle_seconds
