"""What of a sensor's files has been shipped to a lake, as the sensor's side remembers it (docs/decisions/0015).

    STORE/_state/sensor=NAME/shipped.json     {"lake", "uri", "number", "files": {path: number}, "pruned"}

The shipper writes it, after the lake's ledger. Retention that waits for shipping reads it, and so does whoever answers
for what the lake hasn't got.
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
from ims.store.schema import part_of, state_folder, write_aside

TAKEN_APART = ("packets", "frames_raw")
"""Tables of which a row is the lake's or the sensor's, never both. A payload may be in both."""


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
        """Shipment T as of which the lake is to be taken, and the files to leave out here, so that both together are
        every packet once; None where the files went to another lake.

        `asked`: the last shipment that the asker knows. `held`: the store's files, from a snapshot that is no older
        than this record, and after which the record was still the same (`open_shipped`).
        """
        if lake != self.lake:
            return None
        taken_apart = {path: number for path, number in self.files.items() if _is_taken_apart(path)}
        later = (path for path, number in taken_apart.items() if number > asked)
        if asked <= self.number and self.pruned <= asked and all(path in held for path in later):
            as_of = asked
        else:
            as_of = self.number
        return as_of, frozenset(path for path, number in taken_apart.items() if number <= as_of)


def _is_taken_apart(path: str) -> bool:
    part = part_of(path)
    return part is not None and part.table in TAKEN_APART


def shipped_file(store: Path, sensor: str) -> Path:
    """Where the record lies."""
    return state_folder(store, sensor) / "shipped.json"


def read_shipped(store: Path, sensor: str) -> ShipmentRecord | None:
    """What a sensor's shipper has remembered; None where nothing was ever shipped. Raises OSError or ValueError."""
    file = shipped_file(store, sensor)
    try:
        record = unsealed(file.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is damaged ({error}); without it, `ims ship` writes it anew") from None
    try:
        shipped = ShipmentRecord(**record)
        right = (
            all(isinstance(text, str) for text in (shipped.lake, shipped.uri))
            and all(type(number) is int for number in (shipped.number, shipped.pruned, *shipped.files.values()))
            and max((shipped.pruned, *shipped.files.values())) <= shipped.number
        )
    except (TypeError, AttributeError):
        right = False
    if not right:
        raise ValueError(f"{file} is damaged; without it, `ims ship` writes it anew")
    return shipped


def write_shipped(store: Path, sensor: str, shipped: ShipmentRecord) -> None:
    """Replace the record, whole. Only the holder of the sensor's ShipperLock may. Raises OSError."""
    write_aside(shipped_file(store, sensor), sealed(asdict(shipped)))


def open_shipped(path: Path) -> tuple[Store, dict[str, ShipmentRecord]]:
    """A store opened for reading, and what its sensors had shipped at that moment.

    The records are read before and after the store is opened until they agree: a record older than the snapshot could
    overlook that retention dropped a file, one younger could name a file that the snapshot has under its hot name.
    """
    while True:
        before = _stamps(path)
        store = open_store(path)
        try:
            shipped = {sensor: read_shipped(path, sensor) for sensor in store.sensors}
            if _stamps(path) == before:
                for sensor, record in shipped.items():
                    _refuse_older(store, sensor, record)
                return store, {sensor: record for sensor, record in shipped.items() if record is not None}
        except BaseException:
            store.close()
            raise
        store.close()


def _refuse_older(store: Store, sensor: str, record: ShipmentRecord | None) -> None:
    """Raises DamageError where files were dropped that a later record than this says are shipped: they would be missed
    here and not looked for in the lake."""
    known = store.shipped(sensor)
    if not known or (record is not None and (record.lake != known[0] or record.number >= known[1])):
        return
    why = "it isn't there" if record is None else f"it is of shipment {record.number}"
    file = shipped_file(store.path, sensor)
    raise DamageError(file, f"{why}, and files were dropped after shipment {known[1]}", "`ims ship` writes it anew")


def _stamps(path: Path) -> dict[str, tuple[int, int, int] | None]:
    return {str(folder): _stamp(folder / "shipped.json") for folder in (path / "_state").glob("sensor=*")}


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        known = file.stat()
    except FileNotFoundError:
        return None
    return known.st_ino, known.st_mtime_ns, known.st_size


class ShipmentCheck:
    """Whether files have been shipped, for retention that asks often: the record is read again only when it changed."""

    def __init__(self, store: Path, sensor: str) -> None:
        self._store, self._sensor = store, sensor
        self._stamp: tuple[int, int, int] | None = None
        self._files: Mapping[str, int] = {}
        self._last: list[Any] = []

    def has(self, path: str) -> bool:
        """Whether this file is in a lake, whole. Raises ValueError where the record can't be read."""
        self._look()
        return path in self._files

    def last(self) -> list[Any]:
        """The lake's id and the number of the last shipment; empty where nothing was shipped, or the record can't be
        read, which retention that doesn't wait for shipping goes on without."""
        with contextlib.suppress(OSError, ValueError):
            self._look()
            return self._last
        return []

    def _look(self) -> None:
        stamp = _stamp(shipped_file(self._store, self._sensor))
        if stamp != self._stamp:
            shipped = read_shipped(self._store, self._sensor)
            self._files = shipped.files if shipped is not None else {}
            self._last = [shipped.lake, shipped.number] if shipped is not None else []
            self._stamp = stamp
