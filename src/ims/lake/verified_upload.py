"""A file sent to a place counts only when it was read back and is the same: a server may confirm wrongly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import xxhash

from ims.lake.bandwidth import Bandwidth
from ims.lake.object_store import ObjectStore
from ims.store.damage import refuse_other
from ims.stored_file import open_stored
from ims.text import quantity


class Print(NamedTuple):
    """A content's fingerprint: octets, SHA-256 in hex, and XXH3, which is faster to compute."""

    bytes: int
    sha256: str
    xxh3: int


def send_verified(
    place: ObjectStore, name: str, store: Path, size: Mapping[str, int], pace: Bandwidth
) -> tuple[Print, bool]:
    """Put the store's file `name` (`size`: its manifest's entry) as an object; returns its print, and if it was sent.

    An existing object of the same size, from a killed run, is read, and replaced only if it differs. Raises ValueError
    where the file can't be read, is a link or isn't what was written, OSError where the object can't be written or
    isn't what was sent; it is removed then, if the place allows.
    """
    if place.size(name) == size["bytes"]:
        own = _print(_local(store, name, size, pace.chunk))
        if _print(pace.of(place.chunks(name, pace.chunk))) == own:
            return own, False
    digest = Digest()
    place.send(name, digest.of(pace.of(_local(store, name, size, pace.chunk))))
    sent = digest.print
    _read_back(place, name, sent, pace)
    return sent, True


def put_verified(place: ObjectStore, name: str, content: bytes, pace: Bandwidth, remove: bool = False) -> Print:
    """Put or replace a small object and read it back. `remove` it where it isn't what was put. Raises OSError."""
    pace.take(len(content))
    place.write(name, content)
    sent = _print(iter([content]))
    _read_back(place, name, sent, pace, remove)
    return sent


def _read_back(place: ObjectStore, name: str, sent: Print, pace: Bandwidth, remove: bool = True) -> None:
    try:
        found = _print(pace.of(place.chunks(name, pace.chunk)))
    except FileNotFoundError:
        raise OSError(f"{place.named(name)} was written without complaint, and isn't there") from None
    if found == sent:
        return
    differs = f"{found.bytes:,} of {quantity(sent.bytes, 'octet')}" if found.bytes != sent.bytes else "other octets"
    if remove:
        place.remove(name)
    raise OSError(f"{place.named(name)} was written without complaint, but {differs} came back")


def _print(chunks: Iterator[bytes]) -> Print:
    digest = Digest()
    for _ in digest.of(chunks):
        pass
    return digest.print


class Digest:
    """Computes the print of chunks that pass through it."""

    def __init__(self) -> None:
        self._sha256, self._xxh3, self._octets = hashlib.sha256(), xxhash.xxh3_64(), 0

    def of(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks."""
        for chunk in chunks:
            self._sha256.update(chunk)
            self._xxh3.update(chunk)
            self._octets += len(chunk)
            yield chunk

    @property
    def print(self) -> Print:
        """Of the chunks so far."""
        return Print(self._octets, self._sha256.hexdigest(), self._xxh3.intdigest())


def _local(store: Path, name: str, size: Mapping[str, int], octets: int) -> Iterator[bytes]:
    file, digest = store / name, Digest()
    try:
        with open_stored(store, name) as opened:
            yield from digest.of(iter(lambda: opened.read(octets), b""))
    except OSError as error:  # not the place's error, as an OSError would be taken for
        raise ValueError(f"{file} can't be read: {error.strerror or error}") from None
    refuse_other(file, size, digest.print.bytes, digest.print.xxh3)
