"""Which files make up one sensor's part of a store: a log that a crash can't tear and readers can hold.

A manifest is a series of generations, `manifest-00000001.log`, .... A generation's first line is the whole state, each
further line a change; a line counts only if its checksum is right, so a torn last line is ignored. One writer appends.
A reader takes the newest generation and keeps a shared lock on it.

A file that is replaced is dropped from the manifest at once but deleted only when no reader can know of it:
when every generation up to the one that dropped it has no lock left on it.

A head beside it (head.py) records its length: a manifest that is shorter, or is missing where files are that it listed,
is damaged; it is not used for reading or deleting.

A failed write (a full disk) is undone, so that nobody takes it for committed; if that fails, nothing more is written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from ims.full_disk import naming
from ims.store.captures import Captures
from ims.store.checked_record import checked_line, line_text
from ims.store.damage import DamageError
from ims.store.head import FILE, Head, HeadFile, read_head
from ims.store.schema import table_folders, write_aside
from ims.stored_file import open_regular

Files = Mapping[str, Mapping[str, int]]
"""Files of a manifest, by path, with rows, bytes and XXH3."""
_GENERATION = re.compile(r"manifest-(\d{8,})\.log")
ROLL_BYTES = 1 << 16
"""The state isn't rewritten for fewer octets of changes, or for less than a quarter of its own size."""


@dataclass
class State:
    """A manifest's content: files by path (relative to the store) with rows, bytes and XXH3 (`xxh3`, not in earlier
    versions); captures by id; `trash`: dropped files with the generation that dropped them; `publishing`: paths that a
    crash may have left in the tree unlisted; `shipped`: a lake's id and the number of the last shipment to it that was
    known when files were dropped (store/shipment.py)."""

    files: dict[str, dict[str, int]] = field(default_factory=dict)
    captures: dict[str, dict[str, Any]] = field(default_factory=dict)
    trash: dict[str, int] = field(default_factory=dict)
    publishing: list[str] = field(default_factory=list)
    shipped: list[Any] = field(default_factory=list)

    def apply(self, change: Mapping[str, Any], generation: int) -> None:
        """Apply one line."""
        if "state" in change:
            self.__init__(**change["state"])  # type: ignore[misc]
            return
        for path in change.get("drop", ()):
            if self.files.pop(path, None) is not None:
                self.trash[path] = generation
        self.files.update(change.get("add", {}))
        self.captures.update(change.get("captures", {}))
        for path in change.get("deleted", ()):
            self.trash.pop(path, None)
        self.publishing = change.get("publishing", self.publishing)
        self.shipped = change.get("shipped", self.shipped)


def _line(change: Mapping[str, Any]) -> bytes:
    return checked_line(json.dumps(change, separators=(",", ":")).encode()) + b"\n"


REMEDY = "put back a copy of it; any Parquet engine reads the finished hours without it"


def _read(content: bytes, path: Path, generation: int, head: Head | None) -> State:
    """State after all whole lines.

    Raises DamageError where it is older than its head, where the first line isn't whole (it was when the file got its
    name), or where a wrong line isn't the last: only that can be torn; files of later lines would be deleted.
    """
    state = State()
    *lines, torn = content.split(b"\n")
    for number, line in enumerate(lines):
        text = line_text(line)
        if text is None:
            if number and number == len(lines) - 1 and not torn:
                break
            raise DamageError(path, f"line {number + 1} does not match its checksum", REMEDY)
        try:
            state.apply(json.loads(text), generation)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: line {number + 1} is not what this version writes ({error})") from None
    if not lines:
        raise DamageError(path, "its first line is cut off", REMEDY)
    if head is not None and head.generation == generation and zlib.crc32(content[: head.octets]) != head.crc:
        cut = len(content) < head.octets
        why = f"{len(content):,} octets, of which {head.octets:,} were written" if cut else "it isn't what was written"
        raise DamageError(path, why, REMEDY)
    return state


def remove_empty(folder: Path) -> None:
    """Remove the folder of an hour, and of its day, where it is empty."""
    with contextlib.suppress(OSError):  # not empty, or gone
        for place in (folder, folder.parent):
            if place.name.startswith(("hour=", "date=")):
                place.rmdir()


def generations(folder: Path) -> list[tuple[int, Path]]:
    """All generations of a manifest, oldest first."""
    found = [(match, path) for path in folder.iterdir() if (match := _GENERATION.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found)


def newest_generation(folder: Path, head: Head | None) -> tuple[int, Path] | None:
    """The newest generation; None where nothing was ever written. Raises DamageError where it is missing, OSError.

    `head`: as it was read before.
    """
    found = generations(folder)
    number = found[-1][0] if found else 0
    if head is not None and number < head.generation:
        older = f"; without {folder / FILE} it is read as it was at generation {number}" if found else ""
        missing = _log(folder, head.generation)
        raise DamageError(missing, "it isn't there, and was the newest of its kind", REMEDY + older)
    if not found:
        listed = next(listed_files(folder), None)
        if listed is None:
            return None
        found = generations(folder)  # a writer that had just begun
        if not found:
            raise DamageError(folder, f"it has no manifest, which listed {listed} and others", REMEDY)
    return found[-1]


def listed_files(folder: Path) -> Iterator[Path]:
    """Files where a sensor's manifest in `folder` would list them: those of tables."""
    for place in table_folders(folder.parent.parent, folder.name.removeprefix("sensor=")):
        yield from (path for path in files_below(place) if path.suffix == ".parquet")


def files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and those below it, links too; folders that a writer removes meanwhile are empty. Raises
    OSError where one can't be read. (`rglob` raises where one is gone, and takes one that can't be read for empty.)"""
    for place, folders, names in os.walk(folder, onerror=_unless_gone):
        yield from (Path(place, name) for name in names)
        yield from (link for name in folders if (link := Path(place, name)).is_symlink())


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def write_generation(folder: Path, state: State) -> Path:
    """Write a state as the newest generation. Only the holder of the sensor's lock may. Raises OSError."""
    number = max((number for number, _ in generations(folder)), default=0) + 1
    path, line = _log(folder, number), _line({"state": vars(state)})
    write_aside(path, line)
    with contextlib.closing(HeadFile(folder)) as head:
        head.write(Head(number, len(line), zlib.crc32(line)))
    return path


def _log(folder: Path, generation: int) -> Path:
    return folder / f"manifest-{generation:08d}.log"


class Snapshot:
    """A reader's state of the newest generation, pinned until `close`."""

    def __init__(self, folder: Path) -> None:
        self._file: BinaryIO | None = None
        self.state = State()
        while (newest := newest_generation(folder, head := read_head(folder))) is not None:
            number, path = newest
            try:
                self._file = open_regular(path)
            except FileNotFoundError:
                continue  # superseded and removed between the listing and now
            try:
                fcntl.flock(self._file, fcntl.LOCK_SH)
                if os.fstat(self._file.fileno()).st_nlink:
                    self.state = _read(self._file.read(), path, number, head)
                    return
            except BaseException:
                self.close()
                raise
            self.close()

    def close(self) -> None:
        """Release the files."""
        if self._file is not None:
            self._file.close()


def read_state(folder: Path) -> State:
    """The state of the newest generation, not pinned. Raises as Snapshot."""
    with contextlib.closing(Snapshot(folder)) as snapshot:
        return snapshot.state


class Manifest:
    """The writer's side. Only the holder of the sensor's lock may make one."""

    def __init__(self, store: Path, folder: Path, before: Callable[[State], None] | None = None) -> None:
        """`before` is called with the state before anything is written: it may make room on a full disk."""
        self._store, self._folder = store, folder
        self._log: FileIO | None = None
        self._broken = False
        self._log_bytes = self._first_bytes = self._log_crc = 0
        self._head = HeadFile(folder)
        self.generation, self.state = 0, State()
        self.damaged: set[str] = set()
        """files found to be damaged since it was opened: they stay as they are, unmerged"""
        head = read_head(folder)
        newest = newest_generation(folder, head)
        if newest is not None:
            self.generation, path = newest
            with open_regular(path) as file:
                self.state = _read(file.read(), path, self.generation, head)
        if before is not None:
            before(self.state)
        self.roll()

    def commit(
        self, add: Files | None = None, drop: Iterable[str] = (), captures: Captures | None = None, **more: Any
    ) -> None:
        """Append one change and make it durable: readers see all of it or nothing.

        Raises OSError, and then nothing of it is committed.
        """
        change = {"add": dict(add or {}), "drop": list(drop), "captures": dict(captures or {}), **more}
        line = _line(change)
        log = self._usable()
        self._broken = True
        try:
            with naming(log.name):
                if log.write(line) != len(line):
                    raise OSError(errno.ENOSPC, "the disk is full: a manifest's line was cut off", log.name)
                os.fsync(log.fileno())
        except BaseException:
            os.ftruncate(log.fileno(), self._log_bytes)
            self._broken = False
            raise
        self._broken = False
        self._log_bytes += len(line)
        self._log_crc = zlib.crc32(line, self._log_crc)
        self.state.apply(change, self.generation)
        self._head.write(Head(self.generation, self._log_bytes, self._log_crc))

    def _usable(self) -> FileIO:
        if self._log is None or self._broken:
            raise OSError(errno.EIO, "the manifest can't be written since a write to it failed", str(self._folder))
        return self._log

    def roll(self) -> None:
        """Begin a new generation with the present state. Raises OSError, and then the old one stays in use."""
        old = self._usable() if self._broken else self._log
        self._broken = True
        number = self.generation + 1
        path, line = _log(self._folder, number), _line({"state": vars(self.state)})
        try:
            write_aside(path, line)
            self._log = path.open("ab", buffering=0)
        except BaseException:
            path.unlink(missing_ok=True)  # or further changes in the old one would be overlooked
            self._broken = False
            raise
        if old is not None:
            old.close()
        self.generation, self._broken = number, False
        self._log_bytes = self._first_bytes = len(line)
        self._log_crc = zlib.crc32(line)
        self._head.write(Head(self.generation, self._log_bytes, self._log_crc))

    def roll_if_long(self) -> None:
        """Begin a new generation after enough changes: then files that they dropped can be deleted, and readers needn't
        apply them. The state of a year is megabytes, too much to write every second."""
        if self._log_bytes - self._first_bytes >= max(ROLL_BYTES, self._first_bytes // 4):
            self.roll()

    def collect(self) -> None:
        """Delete dropped files that no reader can know of, generations without readers, and empty folders of hours."""
        oldest_read = self.generation
        for number, path in generations(self._folder):
            if number >= self.generation:
                break
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    oldest_read = number
                    break
                path.unlink()
        gone = [path for path, dropped in self.state.trash.items() if dropped < oldest_read]
        for name in gone:
            (self._store / name).unlink(missing_ok=True)
        for folder in {(self._store / name).parent for name in gone}:
            remove_empty(folder)
        if gone:
            self.commit(deleted=gone)

    def close(self) -> None:
        """Close the log."""
        self._head.close()
        if self._log is not None:
            self._log.close()
            self._log = None
