"""A manifest's head: how far it had come, beside it, so that one that is missing, cut off or put back is found out.

    STORE/_state/sensor=NAME/manifest.head      a checksum and what `Head` says, in JSON, in one block

The block is rewritten in place after each line of the manifest is durable, and isn't made durable itself: after a
power loss it may say less than the manifest, never more. So a manifest that says less than its head is damaged, and a
head that is missing or damaged proves nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from pathlib import Path
from typing import NamedTuple

from ims.store.schema import write_aside

FILE = "manifest.head"
BLOCK = 128
TRIES = 16
"""Readings of a block that is just being rewritten."""


class Head(NamedTuple):
    """`octets`: of the newest generation, in whole lines; `crc`: their CRC-32."""

    generation: int
    octets: int
    crc: int


def _block(head: Head) -> bytes:
    text = json.dumps(head, separators=(",", ":")).encode()
    return (b"%08x %s" % (zlib.crc32(text), text)).ljust(BLOCK - 1) + b"\n"


def _parsed(block: bytes) -> Head | None:
    text = block[9:].rstrip()
    if len(block) != BLOCK or block[:9] != b"%08x " % zlib.crc32(text):
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
        """Say how far the manifest has come. Where it can't be written, what it stands for is durable all the same, and
        a head that says less is right."""
        with contextlib.suppress(OSError):
            if self._fd < 0:
                self._fd = self._opened(head)
            os.pwrite(self._fd, _block(head), 0)

    def _opened(self, head: Head) -> int:
        file = self._folder / FILE
        if read_head(self._folder) is None:
            write_aside(file, _block(head))
        return os.open(file, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def close(self) -> None:
        """Once is enough."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_head(folder: Path) -> Head | None:
    """What a head says; None where it is missing or damaged. Raises OSError where it can't be read."""
    try:
        fd = os.open(folder / FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        for _ in range(TRIES):
            head = _parsed(os.pread(fd, BLOCK + 1, 0))
            if head is not None:
                return head
    finally:
        os.close(fd)
    return None
