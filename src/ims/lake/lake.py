"""A lake opened for reading: the files that its ledgers name. The same interface as a store's reader."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ims.lake.ledger import Ledger, Shipment, lake_id, ledger_name, ledger_sensors, read_ledger, whole_ledger
from ims.lake.uri import open_place
from ims.records import TABLES, StoredFile
from ims.store.damage import DamageError, refuse_damage
from ims.store.schema import PartPath, hour_overlaps, part_of, refuse_no_folder
from ims.store.shipment import TAKEN_APART

if TYPE_CHECKING:
    import pyarrow.fs


class Lake(AbstractContextManager["Lake"]):
    """One lake's files as its ledgers named them when it was opened; every row exactly once.

    Raises FileNotFoundError or ValueError where there is no lake, or a ledger is damaged; OSError where the place can't
    be read. A file of packets is never changed or removed; one of coverage is, once the sensor's next shipment has
    replaced it, so open a lake anew for each question.
    """

    def __init__(self, uri: str | Path) -> None:
        self._place = open_place(uri)
        self.uri = self._place.uri
        self.path = self._place.path("")
        """The folder; of a bucket, `bucket/prefix/`."""
        self.filesystem: pyarrow.fs.FileSystem = self._place.filesystem
        folder = self.path if isinstance(self.path, Path) else None
        if folder is not None:
            refuse_no_folder(folder, "lake", self.uri)
        known = lake_id(self._place)
        if known is None:
            if folder is not None and (folder / "store.json").exists():
                raise ValueError(f"{self.uri} is a store; expected a lake, or --store {self.uri}")
            raise ValueError(f"{self._place.where} is no lake (it has no lake.json); `ims ship` makes one")
        self.id = known
        with_files = set() if folder is None else _sensors_with_files(folder)
        # A bucket's operator keeps its objects whole, and each costs a request.
        read_one = read_ledger if folder is None else whole_ledger
        read = {sensor: read_one(self._place, sensor) for sensor in ledger_sensors(self._place)}
        for sensor in sorted(with_files - read.keys()):
            why = "it isn't there, beside files that it listed"
            raise DamageError(self._place.named(ledger_name(sensor)), why, "put it back, or ship them anew")
        self.ledgers: Mapping[str, Ledger] = {name: ledger for name, ledger in read.items() if ledger is not None}
        self._as_of: Mapping[str, int] = {}
        self._without: frozenset[str] = frozenset()

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of the sensors that have been shipped here, without those that the view leaves out."""
        return tuple(name for name in self.ledgers if name not in self._without)

    def as_of(self, numbers: Mapping[str, int]) -> Lake:
        """A view with the packets and raw frames of these sensors up to the shipment of this number; the rest whole.

        Raises ValueError where a ledger is older: the lake must be opened anew.
        """
        for sensor, number in numbers.items():
            have = self.ledgers[sensor].number if sensor in self.ledgers else 0
            if number > have:
                raise ValueError(f"the lake was opened at shipment {have} of sensor {sensor!r}; {number} was asked for")
        view = copy.copy(self)
        view._as_of = {**self._as_of, **numbers}
        return view

    def without(self, sensors: Iterable[str]) -> Lake:
        """A view in which these sensors have payloads only."""
        view = copy.copy(self)
        view._without = self._without | frozenset(sensors)
        return view

    def files(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[Path] | list[str]:
        """Files of a table that may hold rows of [since_us, until_us), oldest hour first: paths in a directory,
        `bucket/key` on `filesystem` otherwise.

        Not for `coverage` with a range: a period lies in the folder of the hour in which the first one began.
        """
        hours = ((part.since_us, path) for path, part, _ in self._named(table))
        found = sorted((begin, path) for begin, path in hours if hour_overlaps(begin, since_us, until_us))
        return [self._place.path(path) for _, path in found]  # type: ignore[return-value]  # one kind

    def entries(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[StoredFile]:
        """The same files as the ledgers have them, but for payloads' that a sensor counts itself."""
        numbers = self._as_of
        found = [
            StoredFile(table, part.since_us, file.rows, file.bytes, part.sensor)
            for _, part, file in self._named(table)
            if part.sensor not in self._without and file.number <= numbers.get(part.sensor, file.number)
        ]
        return sorted(row for row in found if hour_overlaps(row.begin, since_us, until_us))

    def refuse_damage(self, files: Iterable[Path]) -> None:
        """Raises DamageError where a file in a folder isn't what was shipped; OSError where it can't be read."""
        if isinstance(self.path, Path):
            refuse_damage({path: self._sizes[path] for path in files})

    @cached_property
    def _sizes(self) -> dict[Path, Mapping[str, int]]:
        files = (ledger.files for ledger in self.ledgers.values())
        return {Path(self._place.path(path)): file.sizes for known in files for path, file in known.items()}

    def rows(self, table: str, hour_us: int | None = None) -> int:
        """Rows of a table (of the hour that begins then), as the ledgers count them."""
        return sum(file.rows for _, part, file in self._named(table) if hour_us in (None, part.since_us))

    def octets(self, table: str) -> int:
        """Size of a table's files, as the ledgers count them."""
        return sum(file.bytes for _, _, file in self._named(table))

    def hours(self, table: str) -> list[int]:
        """Begins of the hours that have rows of a table, in microseconds, oldest first."""
        return sorted({part.since_us for _, part, _ in self._named(table)})

    def _named(self, table: str) -> Iterator[tuple[str, PartPath, Shipment]]:
        for sensor, ledger in self.ledgers.items():
            if sensor in self._without and table != "payloads":
                continue
            most = self._as_of.get(sensor, ledger.number) if table in TAKEN_APART else ledger.number
            for path, file in ledger.files.items():
                part = part_of(path)
                if part is not None and part.table == table and file.number <= most:
                    yield path, part, file

    def close(self) -> None:
        """Does nothing; a store's reader has it."""

    def __exit__(self, *error: object) -> None:
        self.close()


def _sensors_with_files(folder: Path) -> set[str]:
    """Names of the sensors of which objects lie in a table."""
    places = [place for table in TABLES for place in (folder / table).glob("sensor=*")]
    return {place.name.removeprefix("sensor=") for place in places if next(place.rglob("*.parquet"), None) is not None}


def open_lake(uri: str | Path) -> Lake:
    """Open a lake for reading."""
    return Lake(uri)
