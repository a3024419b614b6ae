"""Which capture read before a file is, by its content: a link, a copy, a compressed or a grown one."""

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
    `found_there`: it wasn't named, but found in a folder. Raises what open_source raises."""
    with closing(open_capture(capture, found=found_there)) as source:
        frames = position = 0
        digest = ""
        for some in source:
            if not some.count:
                continue
            if frames == 0 and not same_beginning(captures, source.first_digest):
                return None  # nearly always, after the first chunk
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
    """Those of which packets to a monitored address were read. Others may be read once more: with another block or
    unwrap they may have some, and nothing of them can be stored twice."""
    return {name: each for name, each in captures.items() if each.get("spans") or each.get("since_us") is not None}


def begins(record: CaptureRecord, position: int, digest: str) -> bool:
    """Whether a capture that was read begins with `position` octets of this digest: a copy that was cut off, or is
    still being compressed. Its file must still be there."""
    if record.position < position:
        return False
    try:
        with reading_file_of_root(Path(record.name)):
            return Path(record.name).is_file() and stream_digest(record.name, [position]) == [digest]
    except (OSError, ValueError):
        return False


def open_capture(path: str, stop: Stop = never, found: bool = False) -> Source:
    """As `open_source`, with root's right to read any file where that is in reserve; for what was `found` in a folder,
    not named, only to read root's files. Raises what `open_source` raises."""
    with reading_file_of_root(Path(path)) if found else reading_any_file():
        return open_source(path, stop=stop)
