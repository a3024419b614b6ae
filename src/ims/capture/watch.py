"""A folder into which captures are rotated, and the folders in it: each file once, when it is finished.

A file is finished when its writer closes it or it is moved into the folder (inotify, through watchdog). Of files
that were there before, or came by a link or within a folder: when no process has it open for writing, as far as /proc
tells; where it doesn't tell (another user's process), when a newer file is there, or when nothing was written for a
while. Links to folders aren't followed, which is said.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from watchdog.events import FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver

SILENCE_SECONDS = 0.2
SETTLE_SECONDS = 2.0
"""A file that is given too early is given again when its writer closes it, and then only what is new is taken."""
Say = Callable[[str], None]


class _Events(FileSystemEventHandler):  # type: ignore[misc]
    """Puts into a queue: (a finished file, False); (a place to look at, whether inotify doesn't know it yet)."""

    def __init__(self) -> None:
        self.finished: queue.Queue[Path] = queue.Queue()
        self.places: queue.Queue[tuple[Path, bool]] = queue.Queue()

    def on_closed(self, event: Any) -> None:
        """A writer closed its file."""
        self.finished.put(Path(os.fsdecode(event.src_path)))

    def on_moved(self, event: Any) -> None:
        """Something was renamed into the folder, or within it, or (without a new name) out of it."""
        if not event.dest_path:
            return
        path = Path(os.fsdecode(event.dest_path))
        if event.is_directory:
            self.places.put((path, not event.src_path))
        else:
            self.finished.put(path)

    def on_created(self, event: Any) -> None:
        """A folder, or a link, which nobody will close. Any other file's writer will."""
        path = Path(os.fsdecode(event.src_path))
        if event.is_directory or _is_linked(path):
            self.places.put((path, False))


class _Tree:
    """The watched folder and what is below it. Raises OSError where it can't be watched."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self._say = folder, say
        self.events = _Events()
        self._told: set[str] = set()
        self._observer: Any = None
        self.watch()

    def watch(self) -> None:
        """Watch all folders of now. What is moved in from outside isn't watched without it (watchdog 6)."""
        self.stop()
        self._identity = self._find()
        self._observer = InotifyObserver(generate_full_events=True)  # else what is moved in is merely "created"
        self._observer.schedule(self.events, str(self.folder), recursive=True)
        try:
            self._observer.start()
        except OSError as error:
            self._observer = None
            if error.errno not in (errno.ENOSPC, errno.EMFILE):
                raise
            setting = "max_user_watches" if error.errno == errno.ENOSPC else "max_user_instances"
            raise OSError(
                f"{self.folder} can't be watched: {error.strerror}; raise sysctl fs.inotify.{setting}"
            ) from None

    def stop(self) -> None:
        """Watch no more."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    def _find(self) -> tuple[int, int] | None:
        try:
            status = self.folder.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def is_gone(self) -> bool:
        """Whether the folder was removed or renamed, which is said. Another of its name is watched in its stead."""
        found = self._find()
        if found == self._identity:
            return False
        if found is None:
            self._say(f"{self.folder} is gone: it was removed or renamed; watching ends")
            return True
        self._say(f"{self.folder} was replaced by another folder of its name, which is watched now")
        self.watch()
        self.events.places.put((self.folder, False))
        return False

    def hidden(self, path: Path) -> bool:
        """Whether its name, or that of a folder between, begins with a dot."""
        return any(part.startswith(".") for part in path.relative_to(self.folder).parts)

    def files(self, place: Path) -> list[Path]:
        """Regular files at or below a place, oldest first."""
        times = {}
        for path in self._below(place):
            try:
                if path.is_file():
                    times[path] = path.stat().st_mtime_ns
            except OSError:  # gone meanwhile, or a link that leads nowhere or round and round
                continue
        return sorted(times, key=lambda path: (times[path], path.name))

    def _below(self, place: Path) -> Iterator[Path]:
        if self.hidden(place):
            return
        if not place.is_dir():
            yield place
            return
        if place.is_symlink() and place != self.folder:
            self.tell(f"{place} is a link to a folder, which is not followed; watch that folder itself")
            return
        for folder, below, names in os.walk(place, onerror=self._unreadable):
            for name in below:
                if not name.startswith(".") and Path(folder, name).is_symlink():
                    self.tell(
                        f"{Path(folder, name)} is a link to a folder, which is not followed; watch that folder itself"
                    )
            below[:] = [name for name in below if not name.startswith(".")]
            yield from (Path(folder, name) for name in names if not name.startswith("."))

    def _unreadable(self, error: OSError) -> None:
        self.tell(f"{error.filename} is passed over: {error.strerror}")

    def tell(self, text: str) -> None:
        """Say it once."""
        if text not in self._told and len(self._told) < 1000:
            self._told.add(text)
            self._say(text)


def finished_files(
    folder: Path, stop: threading.Event, settle_seconds: float = SETTLE_SECONDS, say: Say = lambda text: None
) -> Iterator[Path | None]:
    """Finished files of `folder` and of the folders in it, in the order in which they were finished, those already
    there first (oldest first); None at least every 200 ms of silence. Ends when `stop` is set, or the folder is gone.

    Names with a dot before them are passed over, and so are files that are gone again. `say` is told what else is.
    Raises OSError where the folder can't be watched.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    tree = _Tree(folder, say)
    given: dict[Path, tuple[int, int]] = {}
    unsure = tree.files(folder)
    try:
        while not stop.is_set():
            for path in [path for path in unsure if _is_finished(path, unsure, settle_seconds)]:
                unsure.remove(path)
                if _is_new(path, given):
                    yield path
            while not tree.events.places.empty():
                place, unknown = tree.events.places.get()
                if unknown and place.is_dir():
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
            if not tree.hidden(path) and _is_new(path, given):
                yield path
    finally:
        tree.stop()


def _is_linked(path: Path) -> bool:
    """Whether it is a symbolic link, or one name among several."""
    try:
        return path.is_symlink() or path.lstat().st_nlink > 1
    except OSError:
        return False


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
