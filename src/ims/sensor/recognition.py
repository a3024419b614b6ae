"""Which capture of those read before a file is, told by its content: a link, a copy, a compressed one, a grown one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from ims.capture.file import Stop, never
from ims.capture.open import open_source
from ims.capture.source import Source
from ims.capture.stream import stream_digest
from ims.process.read_search import reading_any_file, reading_file_of_root
from ims.store.captures import CaptureRecord, find_known, same_beginning

Captures = Mapping[str, Mapping[str, Any]]


class Known(NamedTuple):
    """A capture that was read before."""

    id: str
    record: CaptureRecord
    more: bool
    """the file holds frames that follow those read then"""


def recognise(capture: str, captures: Captures, found_there: bool = False) -> Known | None:
    """The one of `captures` with which this file begins, or which begins with this file; None where none does.
    `found_there`: nobody named it, it was found in a folder.

    Raises what open_source raises.
    """
    with closing(open_capture(capture, found=found_there)) as source:
        frames = position = 0
        digest = ""
        for some in source:
            if not some.count:
                continue
            if frames == 0 and not same_beginning(captures, source.first_digest):
                return None  # nearly always: nothing but the first chunk was read
            frames += some.count
            position, digest = source.position, source.digest()
        first_digest = source.first_digest
    with reading_file_of_root(Path(capture)) if found_there else reading_any_file():
        found = find_known(captures, first_digest, lambda lengths: stream_digest(capture, lengths))
    if found is not None:
        return Known(*found, more=frames > found[1].frames)
    for name, record in same_beginning(captures, first_digest).items():
        if begins(record, position, digest):
            return Known(name, record, more=False)
    return None


def something_stored(captures: Captures) -> Captures:
    """Those that held packets to a monitored address, as far as they were read. Others may be read once more, for with
    another block or unwrap they may, and nothing of them can be stored twice."""
    return {
        name: record for name, record in captures.items() if record.get("spans") or record.get("since_us") is not None
    }


def begins(record: CaptureRecord, position: int, digest: str) -> bool:
    """Whether a capture that was read begins with `position` octets of this digest: a copy that was cut off, or one
    whose compressing goes on. Its file is asked, so it must still be there."""
    if record.position < position:
        return False
    try:
        with reading_file_of_root(Path(record.name)):
            return Path(record.name).is_file() and stream_digest(record.name, [position]) == [digest]
    except (OSError, ValueError):
        return False


def open_capture(path: str, stop: Stop = never, found: bool = False) -> Source:
    """A capture as root's command opens it: as `open_source`, with root's right to read it where that is in reserve. Of
    what was `found` in a folder or in the store, and not named, only what is root's. Raises what `open_source` raises.
    """
    with reading_file_of_root(Path(path)) if found else reading_any_file():
        return open_source(path, stop=stop)
