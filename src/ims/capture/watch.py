"""A folder into which captures are rotated: each file once, when it is finished.

A file is finished when its writer closes it or it is moved into the folder (inotify, through watchdog). Of files
that were there before: when no process has it open for writing, as far as /proc tells; where it doesn't tell (another
user's process), when a newer file is there, or when nothing was written for a while.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from watchdog.events import FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver

SILENCE_SECONDS = 0.2


class _Finished(FileSystemEventHandler):  # type: ignore[misc]
    """Puts the names of finished files into a queue."""

    def __init__(self, found: queue.Queue[Path]) -> None:
        self._found = found

    def on_closed(self, event: Any) -> None:
        """A writer closed its file."""
        self._found.put(Path(os.fsdecode(event.src_path)))

    def on_moved(self, event: Any) -> None:
        """A file was renamed into the folder, or within it."""
        self._found.put(Path(os.fsdecode(event.dest_path)))


def finished_files(folder: Path, stop: threading.Event, settle_seconds: float = 10.0) -> Iterator[Path | None]:
    """Finished files of `folder` in the order in which they were finished, those already there first (oldest first);
    None at least every 200 ms of silence. Ends when `stop` is set. Dot files and folders are passed over, and so are
    files that are gone again."""
    found: queue.Queue[Path] = queue.Queue()
    observer = InotifyObserver(generate_full_events=True)  # else what is moved in from outside is merely "created"
    observer.schedule(_Finished(found), str(folder), recursive=False)
    observer.start()
    given: dict[Path, tuple[int, int]] = {}
    unsure = _files(folder)
    try:
        while not stop.is_set():
            for path in [path for path in unsure if _is_finished(path, unsure, settle_seconds)]:
                unsure.remove(path)
                if _is_new(path, given):
                    yield path
            try:
                path = found.get(timeout=SILENCE_SECONDS)
            except queue.Empty:
                yield None
                continue
            if path in unsure:
                unsure.remove(path)
            if path.parent == folder and not path.name.startswith(".") and _is_new(path, given):
                yield path
    finally:
        observer.stop()
        observer.join()


def _files(folder: Path) -> list[Path]:
    """Regular files, oldest first."""
    times = {}
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        try:
            if path.is_file():
                times[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return sorted(times, key=lambda path: (times[path], path.name))


def _is_new(path: Path, given: dict[Path, tuple[int, int]]) -> bool:
    """Whether this file, as it is now, was not given before; a name may come again with other content."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    if not path.is_file() or status.st_size == 0:
        return False
    identity = (status.st_ino, status.st_mtime_ns)
    if given.get(path) == identity:
        return False
    given[path] = identity
    return True


def _is_finished(path: Path, others: list[Path], settle_seconds: float) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:
        return True
    being_written = _open_for_writing(status.st_dev, status.st_ino)
    if being_written is not None:
        return not being_written
    newer = path != others[-1]
    return newer or time.time() - status.st_mtime >= settle_seconds


def _open_for_writing(device: int, inode: int) -> bool | None:
    """Whether a process has the file open for writing; None where some process can't be looked into."""
    unknown = False
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            descriptors = list((process / "fd").iterdir())
        except PermissionError:
            unknown = True
            continue
        except OSError:  # the process is gone
            continue
        for descriptor in descriptors:
            try:
                status = descriptor.stat()
                if (status.st_dev, status.st_ino) != (device, inode):
                    continue
                flags = (process / "fdinfo" / descriptor.name).read_text().split("flags:", 1)[1].split()[0]
                if int(flags, 8) & (os.O_WRONLY | os.O_RDWR):
                    return True
            except PermissionError:
                unknown = True
            except (OSError, IndexError, ValueError):  # closed meanwhile: the next may still be it
                continue
    return None if unknown else False
