"""A folder and the folders in it, watched through inotify (watchdog): what was finished, what came, and what is
ignored. Links to folders aren't followed; a message says so."""

from __future__ import annotations

import errno
import os
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from watchdog.events import FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver

Say = Callable[[str], None]
GONE = (errno.ENOENT, errno.ENOTDIR)
MOST_TOLD = 1000


class Events(FileSystemEventHandler):  # type: ignore[misc]
    """Puts finished files into one queue; into another, places to look at and whether inotify can't know them yet."""

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
        """A folder or a link, which nobody will close, as a file's writer does."""
        path = Path(os.fsdecode(event.src_path))
        if event.is_directory or _is_linked(path):
            self.places.put((path, False))


class FolderTree:
    """The watched folder and what is below it. Raises OSError where it can't be watched."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self._say = folder, say
        self.events = Events()
        self._told: set[str] = set()
        self._observer: Any = None
        self.watch()

    def watch(self) -> None:
        """Watch all folders there are now. Those moved in from outside aren't watched without it (watchdog 6)."""
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
            setting = "fs.inotify.max_user_" + ("watches" if error.errno == errno.ENOSPC else "instances")
            raise OSError(f"{self.folder} can't be watched: {error.strerror}; raise sysctl {setting}") from None

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
        """Whether the folder was removed or renamed, with a message. Another of its name is watched instead."""
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
        """Whether its name, or a folder's on the way, begins with a dot."""
        return any(part.startswith(".") for part in path.relative_to(self.folder).parts)

    def files(self, place: Path) -> list[Path]:
        """Regular files at or below a place, oldest first."""
        times = {}
        for path in self._below(place):
            try:
                if path.is_file():
                    times[path] = path.stat().st_mtime_ns
                elif path.is_symlink() and not path.exists():
                    self.tell(f"{path} is passed over: it is a link that leads nowhere")
                elif path.exists() and not path.is_dir():
                    self.tell(f"{path} is passed over: it is no regular file")
            except OSError as error:
                self.unreadable(error)
        return sorted(times, key=lambda path: (times[path], path.name))

    def _below(self, place: Path) -> Iterator[Path]:
        if self.hidden(place):
            return
        if not _is_folder(place):
            yield place
            return
        if place.is_symlink() and place != self.folder:
            self._tell_of_link(place)
            return
        for folder, below, names in os.walk(place, onerror=self.unreadable):
            below[:] = [name for name in below if not name.startswith(".")]
            for name in below:
                if Path(folder, name).is_symlink():
                    self._tell_of_link(Path(folder, name))
            yield from (Path(folder, name) for name in names if not name.startswith("."))

    def unreadable(self, error: OSError) -> None:
        """Say that a place is ignored, unless it is gone meanwhile."""
        if error.errno not in GONE:
            self.tell(f"{error.filename} is passed over: {error.strerror}")

    def _tell_of_link(self, link: Path) -> None:
        self.tell(f"{link} is a link to a folder, which is not followed; watch that folder itself")

    def tell(self, text: str) -> None:
        """Say it once."""
        if text not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(text)
            self._say(text)


def _is_folder(path: Path) -> bool:
    """Whether it is a folder that this user may look at."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_linked(path: Path) -> bool:
    """Whether it is a symbolic link, or one name among several."""
    try:
        return path.is_symlink() or path.lstat().st_nlink > 1
    except OSError:
        return False
