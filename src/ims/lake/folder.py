"""A directory as an object store: local, or mounted from elsewhere.

An object is written in `_lake/aside`, synced, and renamed to its name, so it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from ims.lake.object_store import CHUNK, ObjectStore
from ims.store.manifest import files_below
from ims.store.schema import make_folder, sync_folder
from ims.stored_file import open_regular

ASIDE = "_lake/aside"


class Folder(ObjectStore):
    """An ObjectStore in `folder`, which is made at the first writing."""

    def __init__(self, folder: Path) -> None:
        import pyarrow.fs

        self.folder = folder
        self.uri = self.root = str(folder)
        self.filesystem = pyarrow.fs.LocalFileSystem()

    def write(self, name: str, content: bytes) -> None:
        """See ObjectStore."""
        self.send(name, [content])

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """See ObjectStore."""
        target = self.folder / name
        aside = self.folder / ASIDE / f"{name.replace('/', '~')}.{uuid.uuid4().hex}"
        with self.named_errors(name, "written"):
            make_folder(target.parent)
            make_folder(aside.parent)
            try:
                with aside.open("xb", buffering=0) as file:
                    for chunk in chunks:
                        if file.write(chunk) != len(chunk):
                            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(aside))
                    os.fsync(file.fileno())
                    # It is read back to be compared: from the disk, not from memory.
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                aside.rename(target)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
            sync_folder(target.parent)

    def chunks(self, name: str, octets: int = CHUNK) -> Iterator[bytes]:
        """See ObjectStore."""
        with self.named_errors(name, "read"), open_regular(self.folder / name) as file:
            while chunk := file.read(octets):
                yield chunk

    def size(self, name: str) -> int | None:
        """See ObjectStore."""
        path = self.folder / name
        try:
            return path.stat().st_size if path.is_file() else None
        except FileNotFoundError:
            return None

    def names(self, folder: str = "", deep: bool = True) -> list[str]:
        """See ObjectStore."""
        begin, found = self.folder / folder, list[Path]()
        # Unlike `glob`, both raise OSError where a folder can't be read.
        with self.named_errors(folder, "listed"), contextlib.suppress(FileNotFoundError):
            found = [path for path in files_below(begin) if path.is_file()] if deep else list(begin.iterdir())
        return sorted(str(path.relative_to(self.folder)) for path in found)

    def remove(self, name: str) -> None:
        """See ObjectStore."""
        with self.named_errors(name, "removed"):
            (self.folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # an hour's folder that isn't empty stays
            (self.folder / name).parent.rmdir()

    def clear(self, begins: str) -> None:
        """See ObjectStore."""
        for left in (self.folder / ASIDE).glob(f"{begins.replace('/', '~')}*"):
            left.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """See ObjectStore."""
        return self.folder / name
