"""A nameless file of bounded size: an export is complete in it before its first octet is sent."""

from __future__ import annotations

import io
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import anyio

from ims.query.errors import QuestionError

PIECE = 1 << 18


class Spool(io.BufferedRandom):
    """Takes at most `most` bytes. Raises QuestionError beyond; closing it frees the disk."""

    def __init__(self, most: int, folder: Path | None = None) -> None:
        file = tempfile.TemporaryFile(dir=folder, prefix="ims-export-", buffering=0)  # noqa: SIM115  (closed with this)
        super().__init__(cast("Any", file))
        self._left = self._most = most

    def write(self, octets: Any) -> int:
        """Add some."""
        self._left -= memoryview(octets).nbytes
        if self._left < 0:
            raise QuestionError(f"the export has more than {self._most:,} bytes: ask for a shorter time, or in parts")
        return super().write(octets)

    @property
    def size(self) -> int:
        """Bytes taken."""
        return self._most - self._left


async def pieces(spool: Spool) -> AsyncGenerator[bytes]:
    """What is in it, from the beginning."""
    await anyio.to_thread.run_sync(spool.seek, 0)
    while piece := await anyio.to_thread.run_sync(spool.read, PIECE):
        yield piece
