"""A store's own id: tells a store, and a copy of it, from every other.

    STORE/_state/store_id        32 hexadecimal digits, and the CRC-32 of them in 8

A writer makes it, with the store's first file. A portal counts a store's packets once, and a lake's sensor has one.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from pathlib import Path

from ims.store.checked_record import crc_hex
from ims.store.damage import DamageError
from ims.store.schema import write_aside

_ID = re.compile(r"([0-9a-f]{32})(?: ([0-9a-f]{8}))?")

REMEDY = "put back a copy of it; a portal and a lake know the store by it"


def store_id(path: Path) -> str:
    """The store's id; made where it has none. Raises OSError, or ValueError where it is damaged."""
    file = _file(path)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # two writers or shippers of two sensors may begin at once
        if not file.exists():
            made = secrets.token_hex(16)
            write_aside(file, f"{made} {crc_hex(made)}\n".encode())
    finally:
        os.close(folder)
    return read_store_id(path)


def read_store_id(path: Path) -> str:
    """The store's id; empty where it has none, as those of earlier versions. Raises as `store_id`."""
    file = _file(path)
    try:
        text = file.read_bytes().decode("ascii", "replace").strip()
    except FileNotFoundError:
        return ""
    match = _ID.fullmatch(text)
    if match is None:
        raise DamageError(file, "expected 32 hexadecimal digits", REMEDY)
    if match[2] is not None and match[2] != crc_hex(match[1]):
        raise DamageError(file, "it does not match its checksum", REMEDY)
    return match[1]


def _file(path: Path) -> Path:
    return path / "_state" / "store_id"
