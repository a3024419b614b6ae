"""A file sent to a place counts only when it was read back and is the same: a target may say yes and lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ims.lake.paced import Pace
from ims.lake.place import Place
from ims.quantity import quantity
from ims.stored_file import open_stored


class Print(NamedTuple):
    """What tells one content from another: octets and SHA-256 in hex."""

    bytes: int
    sha256: str


def send_verified(place: Place, name: str, store: Path, size: int, pace: Pace) -> tuple[Print, bool]:
    """Have the store's file `name`, of `size` octets, be the object of that name; returns its print, and whether it had
    to be sent.

    An object of the same size that is there already, from a run that was killed, is read, and sent only if it differs.
    Raises ValueError where the file can't be read, is a link or isn't of that size, OSError where the object can't be
    written or isn't what was sent; it is removed then, if the place allows.
    """
    if place.size(name) == size:
        own = _print(_local(store, name, size, pace.chunk))
        if _print(pace.of(place.chunks(name, pace.chunk))) == own:
            return own, False
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for chunk in pace.of(_local(store, name, size, pace.chunk)):
            digest.update(chunk)
            yield chunk

    place.send(name, hashed())
    sent = Print(size, digest.hexdigest())
    _read_back(place, name, sent, pace)
    return sent, True


def put_verified(place: Place, name: str, content: bytes, pace: Pace, remove: bool = False) -> Print:
    """Put or replace a small object and read it back. `remove` it where it isn't what was put. Raises OSError."""
    pace.take(len(content))
    place.write(name, content)
    sent = Print(len(content), hashlib.sha256(content).hexdigest())
    _read_back(place, name, sent, pace, remove)
    return sent


def _read_back(place: Place, name: str, sent: Print, pace: Pace, remove: bool = True) -> None:
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
    digest, octets = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        octets += len(chunk)
    return Print(octets, digest.hexdigest())


def _local(store: Path, name: str, size: int, octets: int) -> Iterator[bytes]:
    left, file = size, store / name
    try:
        with open_stored(store, name) as opened:
            while chunk := opened.read(octets):
                left -= len(chunk)
                yield chunk
    except OSError as error:  # not the place's error, which a writer of places would name
        raise ValueError(f"{file} can't be read: {error.strerror or error}") from None
    if left:
        raise ValueError(f"{file} is damaged: {quantity(size - left, 'octet')}, {size:,} wanted")
