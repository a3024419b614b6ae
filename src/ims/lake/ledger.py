"""What a lake says of itself: `lake.json`, and for each sensor a ledger of the files that are there whole and right.

    LAKE/lake.json               {"format": "ims lake", "schema": 1, "id": "..."}
    LAKE/_lake/sensor=NAME.json  {"store": "...", "number": 7, "files": {"packets/sensor=NAME/...": {...}, ...}}

Each ledger that is written has a number of its own, one more than the last; a file keeps the number of the ledger in
which it was first. Whatever was read is checked: others can write to the place.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from ims.darknet import SENSOR_NAME
from ims.lake.place import Place
from ims.records import TABLES
from ims.store.schema import part_of
from ims.system_folder import refuse_system_folder

LAKE = "lake.json"
LAKE_SCHEMA = 1
MOST_RECORD = 1 << 12
MOST_LEDGER = 1 << 28
"""Octets of a ledger: a million files. A sensor makes some 30,000 a year."""
MOST = 1 << 53
_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.parquet")


class Shipment(NamedTuple):
    """One file of a lake: its rows, octets, SHA-256 in hex, and the number of the shipment that brought it."""

    rows: int
    bytes: int
    sha256: str
    number: int


@dataclass(frozen=True)
class Ledger:
    """One sensor's part of a lake. `store`: id of the store it comes from; `number`: of the last shipment;
    `files`: by path relative to the lake."""

    store: str
    number: int = 0
    files: Mapping[str, Shipment] = field(default_factory=dict)

    def octets(self) -> bytes:
        """As it is written."""
        files = {path: file._asdict() for path, file in self.files.items()}
        return json.dumps({"store": self.store, "number": self.number, "files": files}).encode() + b"\n"


def ledger_name(sensor: str) -> str:
    """Where a sensor's ledger lies, relative to the lake."""
    return f"_lake/sensor={sensor}.json"


def read_ledger(place: Place, sensor: str) -> Ledger | None:
    """A sensor's ledger; None where it has none. Raises OSError, or ValueError where it can't be one."""
    name = ledger_name(sensor)
    try:
        content = place.read(name, MOST_LEDGER)
    except FileNotFoundError:
        return None
    try:
        return _checked(json.loads(content), sensor)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place.named(name)} is damaged: {error}") from None


def ledger_sensors(place: Place) -> list[str]:
    """Sensors that have a ledger, sorted."""
    found = []
    for name in place.names("_lake", deep=False):
        sensor = name.removeprefix("_lake/sensor=").removesuffix(".json")
        if name == ledger_name(sensor) and SENSOR_NAME.fullmatch(sensor):
            found.append(sensor)
    return found


def lake_id(place: Place) -> str | None:
    """A lake's id; None where there is no lake. Raises OSError, or ValueError where it is none that we read."""
    try:
        record = json.loads(place.read(LAKE, MOST_RECORD))
    except FileNotFoundError:
        return None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError(f"{place.where} is no lake: its lake.json is damaged, or another program's") from None
    if not isinstance(record, dict) or record.get("format") != "ims lake" or not _is(_ID, record.get("id")):
        raise ValueError(f"{place.where} is no lake: its lake.json is damaged, or another program's")
    if record.get("schema") != LAKE_SCHEMA:
        raise ValueError(f"{place.where} has lake schema {record.get('schema')!r}; this version reads {LAKE_SCHEMA}")
    return str(record["id"])


def refuse_store(place: Place) -> None:
    """Raises ValueError where the place holds a store."""
    if place.size("store.json") is not None:
        raise ValueError(f"{place.where} is a store; wanted a lake or a new folder")


def refuse_other_place(place: Place) -> None:
    """Raises ValueError where a place that is no lake holds something, OSError where it can't be read."""
    refuse_store(place)
    others = place.names(deep=False)
    if set(others) - {"_lake", "lost+found"}:
        raise ValueError(f"{place.where} is not empty and no lake (it has no lake.json); wanted a lake or a new folder")


def make_lake(place: Place) -> str:
    """Make a place a lake, and return the lake's id; fine if it is one already.

    Raises OSError, or ValueError where the place holds something else.
    """
    known = lake_id(place)
    if known is not None:
        return known
    if isinstance(place.path(""), Path):
        refuse_system_folder(Path(place.path("")), "the lake")
    refuse_other_place(place)
    record = {"format": "ims lake", "schema": LAKE_SCHEMA, "id": secrets.token_hex(16)}
    place.write(LAKE, json.dumps(record).encode() + b"\n")
    try:
        made = lake_id(place)
    except ValueError:
        place.remove(LAKE)
        raise OSError(f"{place.named(LAKE)} was written without complaint, but other octets came back") from None
    if made is None:
        raise OSError(f"{place.named(LAKE)} was written without complaint, and isn't there")
    return made


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _count(value: Any, what: str, least: int = 0, most: int = MOST) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{what} {str(value)[:40]!r}: wanted a number from {least} to {most}")
    return value


def _checked(record: Any, sensor: str) -> Ledger:
    if not isinstance(record, dict) or set(record) != {"store", "number", "files"}:
        raise ValueError("wanted store, number and files")
    if not _is(_ID, record["store"]):
        raise ValueError("store: wanted an id of 32 hexadecimal digits")
    number = _count(record["number"], "number")
    if not isinstance(record["files"], dict):
        raise ValueError("files: wanted a table")
    files = {path: _checked_file(path, file, sensor, number) for path, file in record["files"].items()}
    return Ledger(record["store"], number, files)


def _checked_file(path: str, file: Any, sensor: str, number: int) -> Shipment:
    part = part_of(path)
    try:
        known = part is not None and date.fromisoformat(part.date).isoformat() == part.date
    except ValueError:
        known = False
    named = f"file {path[:200]!r}"
    if part is None or not known or part.hot or part.table not in TABLES or part.sensor != sensor or part.hour > 23:
        raise ValueError(f"{named}: wanted TABLE/sensor={sensor}/date=YYYY-MM-DD/hour=HH/NAME.parquet")
    folder, _, name = path.rpartition("/")
    if folder != str(part.folder) or not _FILE.fullmatch(name):
        raise ValueError(f"{named}: wanted a plain name that ends in .parquet")
    if not isinstance(file, dict) or set(file) != set(Shipment._fields):
        raise ValueError(f"{named}: wanted {', '.join(Shipment._fields)}")
    if not _is(_SHA256, file["sha256"]):
        raise ValueError(f"{named}: sha256: wanted 64 hexadecimal digits")
    return Shipment(
        _count(file["rows"], f"{named}: rows"),
        _count(file["bytes"], f"{named}: bytes"),
        file["sha256"],
        _count(file["number"], f"{named}: number", 1, number),
    )
