"""Replaces the installation in PREFIX by a new one, made in PREFIX/.ims-new: `python -m … NEW PREFIX`.

Entry by entry, for PREFIX may be a file system of its own; after an error, moved entries are put back. If this is
killed, the next installation does that (scripts/install.sh). Other files are never touched.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

from ims.cause import cause

ENTRIES = (
    "bin", "etc", "include", "lib", "lib32", "lib64", "libexec", "man", "sbin", "share", "pyvenv.cfg", "lock.txt",
)  # fmt: skip
"""An installation's entries: those of a Python environment, and our list of packages."""


def relocate(new: Path, prefix: Path) -> None:
    """Have scripts and settings of the environment in `new` name `prefix`. Files are replaced, not changed: they may be
    hard links. Raises OSError; nothing outside `new` is changed."""
    for file in (new / "pyvenv.cfg", *(new / "bin").iterdir()):
        if file.is_symlink() or not file.is_file():
            continue
        text = file.read_bytes()
        if os.fsencode(new) in text:
            beside = file.with_name(f".{file.name}")
            beside.write_bytes(text.replace(os.fsencode(new), os.fsencode(prefix)))
            shutil.copymode(file, beside)
            beside.replace(file)


def move(source: Path, target: Path) -> None:
    """Rename, or, if a folder can't be renamed (a container's, of the image), move its entries one by one. Some may be
    in `target` already. Raises OSError."""
    if not target.is_dir():
        try:
            source.rename(target)
            return
        except OSError as error:
            if error.errno != errno.EXDEV or source.is_symlink() or not source.is_dir():
                raise
            target.mkdir()
            shutil.copymode(source, target)
    for entry in list(source.iterdir()):
        move(entry, target / entry.name)
    source.rmdir()


def replace(new: Path, prefix: Path) -> None:
    """Replace the installation in `prefix` by the one in `new`. Raises OSError, with everything put back."""
    old = prefix / ".ims-old"
    old.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        there = [prefix / name for name in ENTRIES if os.path.lexists(prefix / name)]
        for entry, folder in [*((entry, old) for entry in there), *((entry, prefix) for entry in new.iterdir())]:
            target = folder / entry.name
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            moved.append((entry, target))
            move(entry, target)
    except OSError:
        for entry, target in reversed(moved):
            if os.path.lexists(target):
                move(target, entry)
        old.rmdir()
        raise
    gone = prefix / ".ims-gone"
    old.rename(gone)  # from here on nothing is put back
    shutil.rmtree(gone, ignore_errors=True)


def main() -> int:
    """Do both; 2 and one line if it fails."""
    new, prefix = map(Path, sys.argv[1:])
    os.umask(0o022)
    try:
        relocate(new, prefix)
        replace(new, prefix)
    except OSError as error:
        print(f"install: {cause(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
