"""A sensor of a store under another name: its folders are renamed, and its manifest is rewritten.

The name is only in paths (`sensor=NAME`), so no file is copied or changed. `_state/rename.json` marks the renaming as
begun: until it is done, nothing is read from the store or written to it, and the same command resumes where it was cut
off. Each step may be done twice:

    rename.json → TABLE/sensor=OLD and _hot/TABLE/sensor=OLD → a manifest with the new paths → _state/sensor=OLD → done
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from ims.darknet import check_sensor_name
from ims.store.checked_record import sealed
from ims.store.lock import ShipperLock, WriterLock
from ims.store.manifest import read_state, write_generation
from ims.store.reader import require_sensor
from ims.store.schema import (
    check_store,
    rename_file,
    rename_under_way,
    state_folder,
    sync_folder,
    table_folders,
    write_aside,
)
from ims.store.shipment import read_shipped
from ims.store.writer import SensorWriter


def rename_sensor(store: Path, old: str, new: str) -> None:
    """Give a sensor's packets, payloads, coverage and state another name, or resume doing so.

    Raises ValueError, with nothing changed, where a process writes or ships the sensor, there is no such sensor, the
    name is taken, another renaming was cut off, or files went to a lake under the old name: they would stay there, and
    count twice. Raises OSError; then the same call resumes.
    """
    check_sensor_name(new)
    check_store(store)
    pending = rename_under_way(store)
    if pending is None:
        _begin(store, old, new)
    elif pending != (old, new):
        first = f"first `ims sensor rename {pending[0]} {pending[1]} --store {store}`"
        raise ValueError(f"{store}: renaming sensor {pending[0]!r} to {pending[1]!r} was cut off; {first}")
    folder = next(place for place in (state_folder(store, old), state_folder(store, new)) if place.exists())
    with WriterLock(folder, old), ShipperLock(folder, old):
        _go_on(store, old, new)


def _begin(store: Path, old: str, new: str) -> None:
    require_sensor(store, old)
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
    with WriterLock(state_folder(store, old), old):
        write_aside(rename_file(store), sealed({"old": old, "new": new}))


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
    """A sensor's folders; that of its state last."""
    return [*table_folders(store, sensor), state_folder(store, sensor)]


def _move(before: Path, after: Path) -> None:
    if before.exists():
        before.rename(after)
        sync_folder(after.parent)


def _write_manifest(folder: Path, old: str, new: str) -> None:
    """A further generation, in which all paths have the new name; those that have it already keep it."""
    state = read_state(folder)
    files = {_renamed(path, old, new): size for path, size in state.files.items()}
    trash = {_renamed(path, old, new): generation for path, generation in state.trash.items()}
    publishing = [_renamed(path, old, new) for path in state.publishing]
    write_generation(folder, replace(state, files=files, trash=trash, publishing=publishing))


def _renamed(path: str, old: str, new: str) -> str:
    return "/".join(new if part == old else part for part in path.split("/"))
