"""A sensor of a store under another name: its folders are renamed, and its manifest is written anew.

The name stands in paths alone (`sensor=NAME`), so no file is copied or changed. `_state/rename.json` says that it has
begun: until it is done, nothing is read from the store or written to it, and the same command goes on where it was cut
off. Each step may be done twice:

    rename.json → TABLE/sensor=OLD and _hot/TABLE/sensor=OLD → a manifest with the new paths → _state/sensor=OLD → done
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ims.darknet import check_sensor_name
from ims.records import TABLES
from ims.store.checked_record import sealed
from ims.store.lock import ShipperLock, WriterLock
from ims.store.manifest import Snapshot, State, write_generation
from ims.store.reader import open_store
from ims.store.schema import check_store, rename_file, rename_under_way, state_folder, sync_folder, write_aside
from ims.store.shipment import read_shipped
from ims.store.writer import SensorWriter


def rename_sensor(store: Path, old: str, new: str) -> None:
    """Give a sensor's packets, payloads, coverage and state another name, or go on with doing so.

    Raises ValueError, with nothing changed, where a process writes or ships the sensor, there is no such sensor, the
    name is taken, another renaming was cut off, or files went to a lake under the old name: there they would stay, and
    count twice. Raises OSError; then the same call goes on.
    """
    check_sensor_name(new)
    check_store(store)
    pending = rename_under_way(store)
    if pending is None:
        _begin(store, old, new)
    elif pending != (old, new):
        raise ValueError(
            f"{store}: renaming sensor {pending[0]!r} to {pending[1]!r} was cut off; "
            f"first `ims sensor rename {pending[0]} {pending[1]} --store {store}`"
        )
    folder = next(place for place in (state_folder(store, old), state_folder(store, new)) if place.exists())
    writer = WriterLock(folder, old)
    try:
        shipper = ShipperLock(folder, old)
        try:
            _go_on(store, old, new)
        finally:
            shipper.release()
    finally:
        writer.release()


def _begin(store: Path, old: str, new: str) -> None:
    with open_store(store) as known:
        sensors = known.sensors
    if old not in sensors:
        raise ValueError(f"{store} has no sensor {old!r}; it has {', '.join(sensors) or 'none'}")
    taken = [place for place in _folders(store, new) if place.exists()]
    if taken:
        raise ValueError(f"{store} has a sensor {new!r} already ({taken[0]}); expected a new name")
    shipped = read_shipped(store, old)
    if shipped is not None:
        raise ValueError(
            f"sensor {old!r} was shipped to {shipped.uri} under this name, where its packets would stay and count "
            f"twice; retire it (`ims sensor retire {old} --store {store}`), and begin {new!r} as a new sensor"
        )
    SensorWriter(store, old, lanes=1).close()  # removes what a killed writer left; refused while one writes
    lock = WriterLock(state_folder(store, old), old)
    try:
        write_aside(rename_file(store), sealed({"old": old, "new": new}))
    finally:
        lock.release()


def _go_on(store: Path, old: str, new: str) -> None:
    shutil.rmtree(store / "_hot" / "_stage" / old, ignore_errors=True)
    *tables, (state, renamed) = zip(_folders(store, old), _folders(store, new), strict=True)
    for before, after in tables:
        _move(before, after)
    if state.exists():
        _write_manifest(state, f"sensor={old}", f"sensor={new}")
        _move(state, renamed)
    rename_file(store).unlink()
    sync_folder(rename_file(store).parent)


def _folders(store: Path, sensor: str) -> list[Path]:
    """Where files of a sensor are; that of its state last."""
    roots = (store, store / "_hot")
    return [root / table / f"sensor={sensor}" for root in roots for table in TABLES] + [state_folder(store, sensor)]


def _move(before: Path, after: Path) -> None:
    if before.exists():
        before.rename(after)
        sync_folder(after.parent)


def _write_manifest(folder: Path, old: str, new: str) -> None:
    """A further generation, in which all paths have the new name; those that have it already keep it."""
    snapshot = Snapshot(folder)
    try:
        state = snapshot.state
    finally:
        snapshot.close()

    def moved(paths: Any) -> Any:
        if isinstance(paths, list):
            return [_renamed(path, old, new) for path in paths]
        return {_renamed(path, old, new): value for path, value in paths.items()}

    write_generation(
        folder, State(moved(state.files), state.captures, moved(state.trash), moved(state.publishing), state.shipped)
    )


def _renamed(path: str, old: str, new: str) -> str:
    return "/".join(new if part == old else part for part in path.split("/"))
