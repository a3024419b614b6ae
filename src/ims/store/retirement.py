"""A retired sensor: its last hour is finished, its packets stay, nothing more is written under its name.

STORE/_state/sensor=NAME/retired.json        {"time": seconds since the epoch}
"""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ims.store.heartbeat import Heartbeat, read_heartbeat
from ims.store.last_hours import finish_last_hours
from ims.store.lock import WriterLock
from ims.store.manifest import read_state
from ims.store.reader import require_sensor
from ims.store.schema import part_of, state_folder, write_aside
from ims.store.shipment import read_shipped


@dataclass(frozen=True)
class Retirement:
    """The result. `until_us`: end of the last watched period, in microseconds, None where none was; `hours`: finished
    now; `lake`: where its files were shipped, empty if they weren't; `unshipped`: finished files that no lake has."""

    sensor: str
    until_us: int | None
    hours: int
    lake: str
    unshipped: tuple[str, ...]


def retire_sensor(store: Path, sensor: str) -> Retirement:
    """Retire a sensor, or return the result once more if it is retired.

    Raises ValueError where a process writes it or the store has no such sensor, OSError.
    """
    require_sensor(store, sensor)
    finished = finish_last_hours(store, sensor)
    folder = state_folder(store, sensor)
    with WriterLock(folder, sensor):
        if not (folder / "retired.json").exists():
            _end_heartbeat(store, sensor)
            write_aside(folder / "retired.json", json.dumps({"time": time.time()}).encode() + b"\n")
    state = read_state(folder)
    ends = [record["until_us"] for record in state.captures.values() if record.get("until_us") is not None]
    shipped = read_shipped(store, sensor)
    known = shipped.files if shipped is not None else {}
    parts = ((path, part_of(path)) for path in state.files if path not in known)
    left = tuple(path for path, part in parts if part is not None and part.table != "coverage")
    return Retirement(sensor, max(ends, default=None), len(finished), shipped.uri if shipped else "", left)


def take_back(store: Path, sensor: str) -> bool:
    """Let a retired sensor write again; returns whether it was retired. Raises as `retire_sensor`."""
    require_sensor(store, sensor)
    file = state_folder(store, sensor) / "retired.json"
    found = file.exists()
    file.unlink(missing_ok=True)
    return found


def _end_heartbeat(store: Path, sensor: str) -> None:
    """Mark a killed sensor's heartbeat as ended: otherwise it means for ever that packets are being lost."""
    heard = read_heartbeat(store, sensor)
    if heard is not None and heard.beat.ended is None:
        with closing(Heartbeat(store, sensor)) as heartbeat:
            heartbeat.write(heard.beat.model_copy(update={"ended": heard.beat.time}))
