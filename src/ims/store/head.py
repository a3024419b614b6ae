"""A manifest's head: the manifest's length, beside it, so that one that is missing, cut off or an old copy is detected.

    STORE/_state/sensor=NAME/manifest.head      a checksum and `Head` in JSON, in one block

The block is rewritten in place after each line of the manifest is durable, and isn't made durable itself: after a
power loss it may be older than the manifest, never newer. So a manifest that is older than its head is damaged, and a
head that is missing or damaged proves nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from ims.store.checked_record import checked_block, line_text, read_block
from ims.store.schema import write_aside
from ims.stored_file import open_regular

FILE = "manifest.head"
BLOCK = 128


class Head(NamedTuple):
    """`octets`: of the newest generation, in whole lines; `crc`: their CRC-32."""

    generation: int
    octets: int
    crc: int


def _block(head: Head) -> bytes:
    return checked_block(json.dumps(head, separators=(",", ":")).encode(), BLOCK)


def _parsed(block: bytes) -> Head | None:
    text = line_text(block.rstrip())
    if text is None or len(block) != BLOCK:
        return None
    try:
        head = Head(*json.loads(text))
    except (TypeError, ValueError):  # a checksum is no proof of who wrote it
        return None
    return head if all(type(number) is int and number >= 0 for number in head) else None


class HeadFile:
    """The writer's side; only the holder of the sensor's lock may make one."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._fd = folder, -1

    def write(self, head: Head) -> None:
        """Record the manifest's length. Errors are ignored: the manifest is durable, and an older head is valid."""
        file = self._folder / FILE
        with contextlib.suppress(OSError):
            if self._fd < 0:
                if read_head(self._folder) is None:
                    write_aside(file, _block(head))
                self._fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            os.pwrite(self._fd, _block(head), 0)

    def close(self) -> None:
        """Once is enough."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_head(folder: Path) -> Head | None:
    """A manifest's head; None where it is missing or damaged. Raises OSError where it can't be read."""
    try:
        with open_regular(folder / FILE) as file:
            return read_block(file.fileno(), BLOCK + 1, _parsed)
    except FileNotFoundError:
        return None
