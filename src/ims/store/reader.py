"""A store opened for reading: its files, pinned so that no writer deletes them meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from ims.records import TABLES, StoredFile
from ims.store.damage import DamageError, refuse_damage
from ims.store.manifest import REMEDY, Snapshot, listed_files
from ims.store.schema import check_store, hour_overlaps, part_of, refuse_half_renamed, state_folder, state_folders


class Store(AbstractContextManager["Store"]):
    """One store's files as they were when it was opened; every row exactly once. Close it, or use `with`.

    Raises FileNotFoundError, NotADirectoryError or ValueError where `path` is no store, DamageError where it has files
    for which no manifest can be read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        check_store(self.path)
        refuse_half_renamed(self.path)
        with_files = sensors_with_files(self.path)  # before the manifests: a writer begins with its own
        self._snapshots: dict[str, Snapshot] = {}
        try:
            for sensor, folder in state_folders(self.path).items():
                self._snapshots[sensor] = Snapshot(folder)
            self._refuse_unlisted(with_files)
        except BaseException:
            self.close()
            raise

    def _refuse_unlisted(self, with_files: set[str]) -> None:
        for sensor in sorted(with_files - set(self._snapshots)):
            folder = state_folder(self.path, sensor)
            for unlisted in listed_files(folder):
                refuse_half_renamed(self.path)
                if sensor in sensors_with_files(self.path):  # not renamed meanwhile
                    raise DamageError(folder, f"it isn't there, and listed {unlisted} and others", REMEDY)
        for sensor, snapshot in self._snapshots.items():
            for path in snapshot.state.files:
                part = part_of(path)
                if part is not None and part.sensor != sensor:
                    raise DamageError(state_folder(self.path, sensor), f"its manifest lists {path}", REMEDY)

    def refuse_damage(self, files: Iterable[Path]) -> None:
        """Raises DamageError where a file isn't what was written; OSError where one can't be read, or is a link."""
        refuse_damage({path: self._sizes[path] for path in files})

    def shipped(self, sensor: str) -> list[Any]:
        """The lake's id and the last shipment's number when files of a sensor were dropped; empty where none was."""
        return self._snapshots[sensor].state.shipped

    @cached_property
    def _sizes(self) -> dict[Path, Mapping[str, int]]:
        """Files with their manifests' entries."""
        states = (snapshot.state for snapshot in self._snapshots.values())
        return {self.path / path: size for state in states for path, size in state.files.items()}

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of the sensors that have written here."""
        return tuple(self._snapshots)

    def files(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[Path]:
        """Files of a table that may hold rows of [since_us, until_us), oldest hour first.

        Not for `coverage` with a range: a period lies in the folder of the hour in which it began.
        """
        files = self._by_table.get(table, ())
        return [path for begin, path, _ in files if hour_overlaps(begin, since_us, until_us)]

    def entries(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[StoredFile]:
        """The same files as their manifests have them."""
        return self.entries_of(table, self.files(table, since_us, until_us))

    def entries_of(self, table: str, files: Iterable[Path]) -> list[StoredFile]:
        """Some files as their manifests have them."""
        found = []
        for path in files:
            part, size = part_of(str(path.relative_to(self.path))), self._sizes[path]
            if part is not None:
                found.append(StoredFile(table, part.since_us, size["rows"], size["bytes"], part.sensor))
        return found

    @cached_property
    def _by_table(self) -> dict[str, list[tuple[int, Path, int]]]:
        """Files with the begin of their hour and their rows, oldest first."""
        found: dict[str, list[tuple[int, Path, int]]] = {}
        for snapshot in self._snapshots.values():
            for path, size in snapshot.state.files.items():
                part = part_of(path)
                if part is not None:
                    found.setdefault(part.table, []).append((part.since_us, self.path / path, size["rows"]))
        return {table: sorted(files) for table, files in found.items()}

    def rows(self, table: str, hour_us: int | None = None) -> int:
        """Rows of a table (of the hour that begins then), as the manifests count them."""
        return sum(rows for begin, _, rows in self._by_table.get(table, ()) if hour_us in (None, begin))

    def hours(self, table: str) -> list[int]:
        """Begins of the hours that have rows of a table, in microseconds, oldest first."""
        return sorted({begin for begin, *_ in self._by_table.get(table, ())})

    def close(self) -> None:
        """Let writers delete what they have replaced."""
        for snapshot in self._snapshots.values():
            snapshot.close()

    def __exit__(self, *error: object) -> None:
        self.close()


def sensors_with_files(path: Path) -> set[str]:
    """Names of the sensors that have a folder in a table."""
    tables = [root / table for root in (path, path / "_hot") for table in TABLES]
    names = [name for table in tables if table.is_dir() for name in os.listdir(table)]  # noqa: PTH208  # 8 us each
    return {name.removeprefix("sensor=") for name in names if name.startswith("sensor=")}


def open_store(path: Path | str) -> Store:
    """Open a store for reading."""
    return Store(path)


def require_sensor(path: Path, sensor: str) -> None:
    """Raises ValueError where a store has no such sensor, or what Store raises."""
    with open_store(path) as store:
        if sensor not in store.sensors:
            raise ValueError(f"{path} has no sensor {sensor!r}; it has {', '.join(store.sensors) or 'none'}")
