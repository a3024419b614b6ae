"""A sensor that won't come back: its last hour is finished, its packets stay, nothing more is written under its name.

STORE/_state/sensor=NAME/retired.json        {"time": seconds since the epoch}
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from ims.store.heartbeat import Heartbeat, read_heartbeat
from ims.store.last_hours import finish_last_hours
from ims.store.lock import WriterLock
from ims.store.manifest import Snapshot
from ims.store.reader import open_store
from ims.store.schema import part_of, state_folder, write_aside
from ims.store.shipment import read_shipped


@dataclass(frozen=True)
class Retirement:
    """What came of it. `until_us`: end of the last period that was watched, in microseconds, None where none was;
    `hours`: hours that were finished now; `lake`: where its files were shipped, empty if they weren't; `unshipped`:
    finished files that no lake has."""

    sensor: str
    until_us: int | None
    hours: int
    lake: str
    unshipped: tuple[str, ...]


def retire_sensor(store: Path, sensor: str) -> Retirement:
    """Retire a sensor, or say once more what came of it.

    Raises ValueError where a process writes it or the store has no such sensor, OSError where the store can't be
    written.
    """
    _require(store, sensor)
    finished = finish_last_hours(store, sensor)
    folder = state_folder(store, sensor)
    lock = WriterLock(folder, sensor)
    try:
        if not (folder / "retired.json").exists():
            _say_stopped(store, sensor)
            write_aside(folder / "retired.json", json.dumps({"time": time.time()}).encode() + b"\n")
    finally:
        lock.release()
    snapshot = Snapshot(folder)
    try:
        files = list(snapshot.state.files)
        ends = [record["until_us"] for record in snapshot.state.captures.values() if record.get("until_us") is not None]
    finally:
        snapshot.close()
    shipped = read_shipped(store, sensor)
    known = shipped.files if shipped is not None else {}
    left = tuple(path for path in files if _is_shipped(path) and path not in known)
    return Retirement(sensor, max(ends, default=None), len(finished), shipped.uri if shipped else "", left)


def take_back(store: Path, sensor: str) -> bool:
    """Let a retired sensor write again; whether it was retired. Raises as `retire_sensor`."""
    _require(store, sensor)
    file = state_folder(store, sensor) / "retired.json"
    found = file.exists()
    file.unlink(missing_ok=True)
    return found


def _require(store: Path, sensor: str) -> None:
    with open_store(store) as known:
        if sensor not in known.sensors:
            raise ValueError(f"{store} has no sensor {sensor!r}; it has {', '.join(known.sensors) or 'none'}")


def _say_stopped(store: Path, sensor: str) -> None:
    """A killed sensor's heartbeat says for ever that packets are being lost: from now on none are."""
    heard = read_heartbeat(store, sensor)
    if heard is None or heard.beat.ended is not None:
        return
    heartbeat = Heartbeat(store, sensor)
    try:
        heartbeat.write(heard.beat.model_copy(update={"ended": heard.beat.time}))
    finally:
        heartbeat.close()


def _is_shipped(path: str) -> bool:
    part = part_of(path)
    return part is not None and part.table != "coverage"
