"""A store's own id: tells a store, and a copy of it, from every other.

    STORE/_state/store_id        32 hexadecimal digits

Who writes makes it, with the store's first file. A portal counts what one store has once, and a lake is fed from one.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from pathlib import Path

from ims.store.schema import write_aside

_ID = re.compile(r"[0-9a-f]{32}")


def store_id(path: Path) -> str:
    """The store's id; made where it has none. Raises OSError, or ValueError where it is damaged."""
    file = _file(path)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # two writers or shippers of two sensors begin at once
        if not file.exists():
            write_aside(file, secrets.token_hex(16).encode() + b"\n")
    finally:
        os.close(folder)
    return read_store_id(path)


def read_store_id(path: Path) -> str:
    """The store's id; empty where it has none, as one that an earlier version wrote. Raises as `store_id`."""
    file = _file(path)
    try:
        text = file.read_bytes().decode("ascii", "replace").strip()
    except FileNotFoundError:
        return ""
    if not _ID.fullmatch(text):
        raise ValueError(f"{file} is damaged: expected 32 hexadecimal digits")
    return text


def _file(path: Path) -> Path:
    return path / "_state" / "store_id"
