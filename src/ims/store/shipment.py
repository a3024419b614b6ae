"""The sensor's record of its files that were shipped to a lake (docs/decisions/0015).

    STORE/_state/sensor=NAME/shipped.json     {"lake", "uri", "number", "files": {path: number}, "pruned"}

The shipper writes it, after the lake's ledger. Retention that waits for shipping reads it, and answers beyond the lake.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ims.store.checked_record import sealed, unsealed
from ims.store.damage import DamageError
from ims.store.reader import Store, open_store
from ims.store.schema import part_of, state_folder, state_folders, write_aside
from ims.text import one_line

TAKEN_APART = ("packets", "frames_raw")
"""Tables of which a row is counted in the lake or at the sensor, never in both. A payload may be in both."""


@dataclass(frozen=True)
class ShipmentRecord:
    """What was shipped. `number`: of the last shipment; `files`: number by path, of files that the store may still
    have; `pruned`: the highest number of packet and frame files that retention dropped and `files` no longer names."""

    lake: str
    uri: str
    number: int
    files: Mapping[str, int] = field(default_factory=dict)
    pruned: int = 0

    def beyond(self, lake: str, asked: int, held: Collection[str]) -> tuple[int, frozenset[str]] | None:
        """The shipment up to which the lake is to be read, and the files to leave out here, so that both together have
        every packet once; None where the files went to another lake.

        `asked`: the last shipment that the client knows. `held`: the store's files, from a snapshot that is no older
        than this record, and after which the record was still the same (`open_shipped`).
        """
        if lake != self.lake:
            return None
        taken_apart = {path: number for path, number in self.files.items() if is_taken_apart(path)}
        later = (path for path, number in taken_apart.items() if number > asked)
        suffices = asked <= self.number and self.pruned <= asked and all(path in held for path in later)
        as_of = asked if suffices else self.number
        return as_of, frozenset(path for path, number in taken_apart.items() if number <= as_of)


def is_taken_apart(path: str) -> bool:
    """Whether a path is that of a file of TAKEN_APART."""
    part = part_of(path)
    return part is not None and part.table in TAKEN_APART


def shipped_file(store: Path, sensor: str) -> Path:
    """Where the record is."""
    return state_folder(store, sensor) / "shipped.json"


def read_shipped(store: Path, sensor: str) -> ShipmentRecord | None:
    """A sensor's record; None where nothing was ever shipped. Raises OSError or ValueError."""
    file = shipped_file(store, sensor)
    try:
        shipped = ShipmentRecord(**unsealed(file.read_bytes()))
        numbers = (shipped.pruned, *shipped.files.values())
        if not all(isinstance(text, str) for text in (shipped.lake, shipped.uri)):
            raise ValueError("expected a lake's id and URI")
        if not all(type(number) is int for number in (shipped.number, *numbers)) or max(numbers) > shipped.number:
            raise ValueError("expected numbers of shipments, none above the last")
    except FileNotFoundError:
        return None
    except (RecursionError, TypeError, AttributeError):
        raise ValueError(f"{file} is damaged; without it, `ims ship` writes it anew") from None
    except ValueError as error:
        raise ValueError(f"{file} is damaged ({one_line(error)}); without it, `ims ship` writes it anew") from None
    return shipped


def write_shipped(store: Path, sensor: str, shipped: ShipmentRecord) -> None:
    """Replace the record, whole. Only the holder of the sensor's ShipperLock may. Raises OSError."""
    write_aside(shipped_file(store, sensor), sealed(asdict(shipped)))


def open_shipped(path: Path) -> tuple[Store, dict[str, ShipmentRecord]]:
    """A store opened for reading, and what its sensors had shipped at that moment.

    It is opened again until the records are the same before and after: a record older than the snapshot could miss that
    retention dropped a file, a newer one could name a file that the snapshot has under its hot name.
    """
    while True:
        before = _stamps(path)
        with contextlib.ExitStack() as opened:
            store = opened.enter_context(open_store(path))
            shipped = {sensor: read_shipped(path, sensor) for sensor in store.sensors}
            if _stamps(path) == before:
                for sensor, record in shipped.items():
                    _refuse_older(store, sensor, record)
                opened.pop_all()
                return store, {sensor: record for sensor, record in shipped.items() if record is not None}


def _refuse_older(store: Store, sensor: str, record: ShipmentRecord | None) -> None:
    """Raises DamageError where dropped files are only in a later record than this: neither side would have them."""
    known = store.shipped(sensor)
    if not known or (record is not None and (record.lake != known[0] or record.number >= known[1])):
        return
    why = "it isn't there" if record is None else f"it is of shipment {record.number}"
    file = shipped_file(store.path, sensor)
    raise DamageError(file, f"{why}, and files were dropped after shipment {known[1]}", "`ims ship` writes it anew")


def _stamps(path: Path) -> dict[str, tuple[int, int, int] | None]:
    return {sensor: _stamp(folder / "shipped.json") for sensor, folder in state_folders(path).items()}


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        known = file.stat()
    except FileNotFoundError:
        return None
    return known.st_ino, known.st_mtime_ns, known.st_size


class ShipmentCheck:
    """Whether files have been shipped, for frequent checks: the record is read again only when it changed."""

    def __init__(self, store: Path, sensor: str) -> None:
        self._store, self._sensor = store, sensor
        self._stamp: tuple[int, int, int] | None = None
        self._record: ShipmentRecord | None = None

    def has(self, path: str) -> bool:
        """Whether this file is in a lake, whole. Raises ValueError where the record can't be read."""
        record = self._current()
        return record is not None and path in record.files

    def last(self) -> list[Any]:
        """The lake's id and the number of the last shipment; empty where nothing was shipped, or the record can't be
        read, for retention that doesn't wait for shipping."""
        record = None
        with contextlib.suppress(OSError, ValueError):
            record = self._current()
        return [record.lake, record.number] if record is not None else []

    def _current(self) -> ShipmentRecord | None:
        stamp = _stamp(shipped_file(self._store, self._sensor))
        if stamp != self._stamp:
            self._record = read_shipped(self._store, self._sensor)
            self._stamp = stamp
        return self._record
