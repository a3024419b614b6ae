"""An error's cause in one line: its file, and the system's message."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import re
import stat
import traceback
from pathlib import Path

DENIED = (errno.EACCES, errno.EPERM)
ENGINES = ("pyarrow", "duckdb", "sqlite3", "httpx", "httpcore", "grpc", "py4j", "pyspark")
"""Packages whose errors' messages aren't for people."""


def cause(error: BaseException) -> str:
    """`FILE: No such file or directory` for the system's errors that name a file, else the error's own message."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error).strip() or type(error).__name__


def engine_behind(error: BaseException) -> str | None:
    """The engine whose class an error has, or in whose code it was raised. None: not an engine's."""
    raised_in = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        raised_in = str(frame.f_globals.get("__name__"))
    if isinstance(error, OSError) and error.strerror:
        raised_in = ""  # the system's message, whoever called it
    roots = [name.partition(".")[0].strip("_") for name in (type(error).__module__, raised_in)]
    return next((root for root in roots if root in ENGINES), None)


def beneath(error: BaseException, longest: int = 500) -> str:
    """The message of an engine's error that caused an error of ours, in one line, for a log; empty where there is none.
    Of Spark's pages it is the innermost line with one of Spark's names, such as [FAILED_READ_FILE.NO_HINT]."""
    text = str(error.__cause__ or "")
    named = [found[0] for found in re.finditer(r"\[[A-Z][A-Z_]+(\.[A-Z_]+)*\] .*", text)]
    return next((line.strip() for line in (*named[-1:], *text.splitlines()) if line.strip()), "")[:longest]


def denied(path: Path) -> str:
    """Why a file that exists may not be used: mode and owner of the file, or of the folder above it that denies it."""
    stopped = on_the_way(path.absolute())
    blocked_by = path if stopped is None else stopped[0]
    return f"{'it' if blocked_by == path else blocked_by} {mode_and_owner(blocked_by)}"


def on_the_way(path: Path) -> tuple[Path, int] | None:
    """The folder on the way to a path, links followed, that may not be passed, with the error's number. None where all
    may."""
    for step in (*reversed(path.parents), path):
        try:
            step.stat()
        except OSError as error:
            number = error.errno or errno.EIO
            if number not in DENIED:
                return step, number
            try:
                target = Path(os.readlink(step))  # noqa: PTH115  # relative ones stay so
            except OSError:
                return step.parent, number
            return on_the_way(step.parent / target) or (step, number)
    return None


def mode_and_owner(path: Path) -> str:
    """`has mode 0640 and belongs to root:ims`."""
    try:
        found = path.stat()
    except OSError as error:
        return f"can't be looked at ({error.strerror})"
    return f"has mode {stat.S_IMODE(found.st_mode):04o} and belongs to {owner_and_group(found)}"


def owner_and_group(found: os.stat_result) -> str:
    """`ims:ims`, or numbers where they have no names."""
    with contextlib.suppress(KeyError):
        return f"{pwd.getpwuid(found.st_uid).pw_name}:{grp.getgrgid(found.st_gid).gr_name}"
    return f"user {found.st_uid}, group {found.st_gid}"
