"""Captures as root's command opens them: root's own, too, for a store of another user's (owner.py)."""

from __future__ import annotations

from pathlib import Path

from ims.capture.file import Stop, never
from ims.capture.open import open_source
from ims.capture.source import Source
from ims.process.read_search import reading_any_file, reading_file_of_root


def open_capture(path: str, stop: Stop = never, found: bool = False) -> Source:
    """As `open_source`, with root's right to read it where that is in reserve: of what root named; of what was `found`
    in a folder or in the store, where it is root's. Raises what `open_source` raises."""
    with reading_file_of_root(Path(path)) if found else reading_any_file():
        return open_source(path, stop=stop)
