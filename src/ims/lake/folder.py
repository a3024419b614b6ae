"""A place that is a directory: local, or mounted from elsewhere.

An object is written in `_lake/aside`, synced, and renamed to its name, so it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from ims.lake.object_store import CHUNK, ObjectStore, told
from ims.store.schema import make_folder, sync_folder
from ims.stored_file import open_regular
from ims.text import quantity

ASIDE = "_lake/aside"


class Folder(ObjectStore):
    """A Place in `folder`, which is made at the first writing."""

    def __init__(self, folder: Path) -> None:
        import pyarrow.fs

        self.folder = folder
        self.uri = self.root = str(folder)
        self.filesystem = pyarrow.fs.LocalFileSystem()

    def read(self, name: str, most: int) -> bytes:
        """See Place."""

        def whole() -> bytes:
            octets = b""
            with open_regular(self.folder / name) as file:
                while len(octets) <= most and (more := file.read(most + 1 - len(octets))):
                    octets += more
            return octets

        content: bytes = told(self, name, "read", whole)
        if len(content) > most:
            raise ValueError(f"{self.named(name)} is larger than {quantity(most, 'octet')}")
        return content

    def write(self, name: str, content: bytes) -> None:
        """See Place."""
        self.send(name, [content])

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """See Place."""
        told(self, name, "written", lambda: self._send(name, chunks))

    def _send(self, name: str, chunks: Iterable[bytes]) -> None:
        target = self.folder / name
        make_folder(target.parent)
        make_folder(self.folder / ASIDE)
        aside = self.folder / ASIDE / f"{name.replace('/', '~')}.{uuid.uuid4().hex}"
        try:
            with aside.open("xb", buffering=0) as file:
                for chunk in chunks:
                    if file.write(chunk) != len(chunk):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(aside))
                os.fsync(file.fileno())
                # What is read back to be compared shall come from the disk, not from memory.
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            aside.rename(target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)

    def chunks(self, name: str, octets: int = CHUNK) -> Iterator[bytes]:
        """See Place."""
        with told(self, name, "read", lambda: open_regular(self.folder / name)) as file:
            while chunk := told(self, name, "read", lambda: file.read(octets)):
                yield chunk

    def size(self, name: str) -> int | None:
        """See Place."""
        path = self.folder / name
        try:
            return path.stat().st_size if path.is_file() else None
        except FileNotFoundError:
            return None

    def names(self, folder: str = "", deep: bool = True) -> list[str]:
        """See Place."""
        begin = self.folder / folder
        found: list[Path] = told(self, folder, "listed", lambda: _below(begin) if deep else _entries(begin))
        return sorted(str(path.relative_to(self.folder)) for path in found if not deep or path.is_file())

    def remove(self, name: str) -> None:
        """See Place."""
        told(self, name, "removed", lambda: (self.folder / name).unlink(missing_ok=True))
        with contextlib.suppress(OSError):  # an hour's folder that isn't empty stays
            (self.folder / name).parent.rmdir()

    def clear(self, begins: str) -> None:
        """See Place."""
        for left in (self.folder / ASIDE).glob(f"{begins.replace('/', '~')}*"):
            left.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """See Place."""
        return self.folder / name


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing where there is none. Unlike `glob`, raises OSError where it can't be looked at."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _below(folder: Path) -> list[Path]:
    """Likewise, with all that is in folders below."""
    entries = _entries(folder)
    below = [path for path in entries if path.is_dir() and not path.is_symlink()]
    return entries + [path for place in below for path in _below(place)]
