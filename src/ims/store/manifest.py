"""Which files make up one sensor's part of a store: a log that a crash can't tear and readers can hold.

A manifest is a series of generations, `manifest-00000001.log`, .... A generation's first line is the whole
state, each further line a change; a line counts only if its checksum is right, so a torn last line is as if it
had not been written. One writer appends. A reader takes the newest generation and keeps a shared lock on it.

A file that is replaced is dropped from the manifest at once but deleted only when no reader can know of it:
when every generation up to the one that dropped it has no lock left on it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ims.store.schema import sync_folder, write_aside

_GENERATION = re.compile(r"manifest-(\d{8})\.log")


@dataclass
class State:
    """What a manifest says: files by path (relative to the store) with rows and bytes; captures by id;
    `trash`: dropped files with the generation that dropped them; `publishing`: paths that a crash may have
    left in the tree without their being listed."""

    files: dict[str, dict[str, int]] = field(default_factory=dict)
    captures: dict[str, dict[str, Any]] = field(default_factory=dict)
    trash: dict[str, int] = field(default_factory=dict)
    publishing: list[str] = field(default_factory=list)

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
        if "publishing" in change:
            self.publishing = change["publishing"]


def _line(change: Mapping[str, Any]) -> bytes:
    text = json.dumps(change, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _read(content: bytes, generation: int) -> State | None:
    """State after all whole lines; None where even the first is not whole."""
    state = State()
    first = True
    for line in content.split(b"\n")[:-1]:
        if line[:8] != b"%08x" % zlib.crc32(line[9:]):
            break
        state.apply(json.loads(line[9:]), generation)
        first = False
    return None if first else state


def generations(folder: Path) -> list[tuple[int, Path]]:
    """All generations of a manifest, oldest first."""
    found = [(match, path) for path in folder.iterdir() if (match := _GENERATION.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found)


class Snapshot:
    """What a reader holds: the state of the newest generation, pinned until `close`."""

    def __init__(self, folder: Path) -> None:
        self._file: BinaryIO | None = None
        while True:
            newest = generations(folder)
            if not newest:
                self.state = State()
                return
            number, path = newest[-1]
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue  # superseded and removed between the listing and now
            fcntl.flock(file, fcntl.LOCK_SH)
            if os.fstat(file.fileno()).st_nlink == 0:
                file.close()
                continue
            state = _read(file.read(), number)
            if state is None:
                file.close()
                raise ValueError(f"{path} is damaged: its first line does not match its checksum")
            self._file = file
            self.state = state
            return

    def close(self) -> None:
        """Let go of the files."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Manifest:
    """The writer's side. Only the holder of the sensor's lock may make one."""

    def __init__(self, store: Path, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._log: BinaryIO | None = None
        known = generations(folder)
        self.generation, self.state = 0, State()
        for number, path in known:
            state = _read(path.read_bytes(), number)
            if state is None:
                raise ValueError(f"{path} is damaged: its first line does not match its checksum")
            self.generation, self.state = number, state
        self.roll()

    def commit(
        self,
        add: Mapping[str, Mapping[str, int]] | None = None,
        drop: Iterable[str] = (),
        captures: Mapping[str, Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> None:
        """Append one change and make it durable: readers see all of it or nothing."""
        change = {"add": dict(add or {}), "drop": list(drop), "captures": dict(captures or {}), **more}
        assert self._log is not None
        self._log.write(_line(change))
        self._log.flush()
        os.fsync(self._log.fileno())
        self.state.apply(change, self.generation)

    def roll(self) -> None:
        """Begin a new generation with the state as it is."""
        self.generation += 1
        path = self._folder / f"manifest-{self.generation:08d}.log"
        write_aside(path, _line({"state": vars(self.state)}))
        if self._log is not None:
            self._log.close()
        self._log = path.open("ab")

    def collect(self) -> None:
        """Delete dropped files that no reader can know of, and generations that nobody reads."""
        free = -1
        for number, path in generations(self._folder):
            if number >= self.generation:
                break
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    break
                path.unlink()
                free = number
        gone = [path for path, dropped in self.state.trash.items() if dropped <= free]
        for name in gone:
            (self._store / name).unlink(missing_ok=True)
        if gone:
            self.commit(deleted=gone)

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()
            self._log = None
        sync_folder(self._folder)
