"""A file to write that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ims.full_disk import naming

Output = str | Path | BinaryIO
"""A file's path, `-` for standard output, or an open file."""


def check_place(path: Path) -> None:
    """Raises OSError where no file of this name can be: also before long work, whose result would be lost."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected a file to write")
    if not path.parent.exists():
        raise FileNotFoundError(f"{path}: its folder isn't there")


@contextlib.contextmanager
def opened(out: Output) -> Iterator[BinaryIO]:
    """The file to write: aside and renamed when whole; standard output or an open file as it is."""
    if not isinstance(out, str | Path):
        yield out
        return
    if str(out) == "-":
        with naming("standard output"):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    path = Path(out)
    check_place(path)
    if path.exists() and not path.is_file():  # a device or a pipe is written as it is
        with naming(path), path.open("wb") as file:
            yield file
        return
    try:
        handle, aside = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
    except OSError as error:  # it would name the file that is written aside
        raise OSError(error.errno, error.strerror, str(out)) from error
    try:
        with naming(out), os.fdopen(handle, "wb") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(aside, 0o666 & ~mask)  # noqa: PTH101
        Path(aside).rename(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
