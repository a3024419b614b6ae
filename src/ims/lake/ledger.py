"""What a lake says of itself: `lake.json`, and for each sensor a ledger of the files that are there whole and right.

    LAKE/lake.json               {"format": "ims lake", "schema": 1, "id": "..."}
    LAKE/_lake/sensor=NAME.json  {"store": "...", "number": 7, "files": {"packets/sensor=NAME/...": {...}, ...}}
    LAKE/_lake/sensor=NAME.head  {"number": 7}: written after it, so that a ledger that is missing or put back is told;
                                 in folders only

Each ledger that is written has a number of its own, one more than the last; a file keeps the number of the ledger in
which it was first. Whatever was read is checked: others can write to the place.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from ims.darknet import SENSOR_NAME
from ims.lake.object_store import ObjectStore
from ims.records import TABLES
from ims.store.checked_record import sealed, unsealed
from ims.store.damage import DamageError
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
    """One file of a lake: its rows, octets, SHA-256 in hex, the number of the shipment that brought it, and its XXH3,
    which those of earlier versions lack."""

    rows: int
    bytes: int
    sha256: str
    number: int
    xxh3: int | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """As a store's manifest says it."""
        return {"rows": self.rows, "bytes": self.bytes} | ({} if self.xxh3 is None else {"xxh3": self.xxh3})


@dataclass(frozen=True)
class Ledger:
    """One sensor's part of a lake. `store`: id of the store it comes from; `number`: of the last shipment;
    `files`: by path relative to the lake."""

    store: str
    number: int = 0
    files: Mapping[str, Shipment] = field(default_factory=dict)

    def octets(self) -> bytes:
        """As it is written."""
        files = {path: _written(file) for path, file in self.files.items()}
        return sealed({"store": self.store, "number": self.number, "files": files})


def _written(file: Shipment) -> dict[str, Any]:
    return {name: value for name, value in file._asdict().items() if value is not None}


def ledger_name(sensor: str) -> str:
    """Where a sensor's ledger lies, relative to the lake."""
    return f"_lake/sensor={sensor}.json"


def read_ledger(place: ObjectStore, sensor: str) -> Ledger | None:
    """A sensor's ledger; None where it has none. Raises OSError, or ValueError where it can't be one."""
    name = ledger_name(sensor)
    try:
        content = place.read(name, MOST_LEDGER)
    except FileNotFoundError:
        return None
    try:
        return _checked(unsealed(content), sensor)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place.named(name)} is damaged: {error}") from None


def head_name(sensor: str) -> str:
    """Where it is said how far a sensor's ledger has come."""
    return f"_lake/sensor={sensor}.head"


def write_head(place: ObjectStore, sensor: str, number: int) -> None:
    """Say how far a ledger has come that was just written. Only in a folder: a bucket's objects are its keeper's to
    keep whole, and a sensor's key may be one that writes no other record than its ledger. Raises OSError."""
    if not isinstance(place.path(""), Path):
        return
    place.write(head_name(sensor), sealed({"number": number}))


def read_head(place: ObjectStore, sensor: str) -> int:
    """How far a sensor's ledger had come, which is no older than this; 0 where it isn't said, or damaged. Raises
    OSError."""
    try:
        record = unsealed(place.read(head_name(sensor), MOST_RECORD))
        return _count(record["number"], "number")
    except FileNotFoundError:
        return 0
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0


def whole_ledger(place: ObjectStore, sensor: str) -> Ledger | None:
    """As `read_ledger`. Raises DamageError where it is older than what its head says, or not there."""
    number = read_head(place, sensor)
    ledger = read_ledger(place, sensor)
    if ledger is not None and ledger.number >= number:
        return ledger
    if not number:
        return ledger
    why = "it isn't there" if ledger is None else f"it is of shipment {ledger.number}"
    raise DamageError(place.named(ledger_name(sensor)), f"{why}, and {number} was made", "put the newer one back")


def ledger_sensors(place: ObjectStore) -> list[str]:
    """Sensors that have a ledger, or had one, sorted."""
    found = set()
    for name in place.names("_lake", deep=False):
        sensor = name.removeprefix("_lake/sensor=").rpartition(".")[0]
        if name in (ledger_name(sensor), head_name(sensor)) and SENSOR_NAME.fullmatch(sensor):
            found.add(sensor)
    return sorted(found)


def lake_id(place: ObjectStore) -> str | None:
    """A lake's id; None where there is no lake. Raises OSError, or ValueError where it is none that we read."""
    try:
        record = unsealed(place.read(LAKE, MOST_RECORD))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise ValueError(f"{place.where} is no lake: its lake.json is damaged, or another program's") from None
    if not isinstance(record, dict) or record.get("format") != "ims lake" or not _is(_ID, record.get("id")):
        raise ValueError(f"{place.where} is no lake: its lake.json is damaged, or another program's")
    if record.get("schema") != LAKE_SCHEMA:
        raise ValueError(f"{place.where} has lake schema {record.get('schema')!r}; this version reads {LAKE_SCHEMA}")
    return str(record["id"])


def refuse_store(place: ObjectStore) -> None:
    """Raises ValueError where the place holds a store."""
    if place.size("store.json") is not None:
        raise ValueError(f"{place.where} is a store; expected a lake or a new folder")


def refuse_other_place(place: ObjectStore) -> None:
    """Raises ValueError where a place that is no lake holds something, OSError where it can't be read."""
    refuse_store(place)
    others = place.names(deep=False)
    if set(others) - {"_lake", "lost+found"}:
        raise ValueError(
            f"{place.where} is not empty and no lake (it has no lake.json); expected a lake or a new folder"
        )


def make_lake(place: ObjectStore) -> str:
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
    place.write(LAKE, sealed(record))
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
        raise ValueError(f"{what} {str(value)[:40]!r}: expected a number from {least} to {most}")
    return value


def _checked(record: Any, sensor: str) -> Ledger:
    if not isinstance(record, dict) or set(record) != {"store", "number", "files"}:
        raise ValueError("expected store, number and files")
    if not _is(_ID, record["store"]):
        raise ValueError("store: expected an id of 32 hexadecimal digits")
    number = _count(record["number"], "number")
    if not isinstance(record["files"], dict):
        raise ValueError("files: expected a table")
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
        raise ValueError(f"{named}: expected TABLE/sensor={sensor}/date=YYYY-MM-DD/hour=HH/NAME.parquet")
    folder, _, name = path.rpartition("/")
    if folder != str(part.folder) or not _FILE.fullmatch(name):
        raise ValueError(f"{named}: expected a plain name that ends in .parquet")
    if not isinstance(file, dict) or set(file) | {"xxh3"} != set(Shipment._fields):
        raise ValueError(f"{named}: expected {', '.join(Shipment._fields)}")
    if not _is(_SHA256, file["sha256"]):
        raise ValueError(f"{named}: sha256: expected 64 hexadecimal digits")
    return Shipment(
        _count(file["rows"], f"{named}: rows"),
        _count(file["bytes"], f"{named}: bytes"),
        file["sha256"],
        _count(file["number"], f"{named}: number", 1, number),
        _count(file["xxh3"], f"{named}: xxh3", 0, (1 << 64) - 1) if "xxh3" in file else None,
    )
