"""A lake's metadata: `lake.json`, and for each sensor a ledger of the files that are whole and verified.

    LAKE/lake.json               {"format": "ims lake", "schema": 1, "id": "..."}
    LAKE/_lake/sensor=NAME.json  {"store": "...", "number": 7, "files": {"packets/sensor=NAME/...": {...}, ...}}
    LAKE/_lake/sensor=NAME.head  {"number": 7}: written after it, detects a missing or older ledger; in folders only

Each version of a ledger has a number, one more than the last; a file keeps the number of the first version with it.
Whatever was read is checked: others can write to the place.
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
    """One file of a lake: rows, octets, SHA-256 in hex, number of the shipment, and XXH3 (not in earlier versions)."""

    rows: int
    bytes: int
    sha256: str
    number: int
    xxh3: int | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """As an entry of a store's manifest."""
        return {"rows": self.rows, "bytes": self.bytes} | ({} if self.xxh3 is None else {"xxh3": self.xxh3})


@dataclass(frozen=True)
class Ledger:
    """One sensor's part of a lake. `store`: its store's id; `number`: of the last shipment; `files`: by path."""

    store: str
    number: int = 0
    files: Mapping[str, Shipment] = field(default_factory=dict)

    def octets(self) -> bytes:
        """As it is written."""
        files = {path: file._asdict() for path, file in self.files.items()}
        for members in files.values():
            if members["xxh3"] is None:
                del members["xxh3"]
        return sealed({"store": self.store, "number": self.number, "files": files})


def ledger_name(sensor: str) -> str:
    """The path of a sensor's ledger in the lake."""
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
    """The path of the number of a sensor's last ledger."""
    return f"_lake/sensor={sensor}.head"


def write_head(place: ObjectStore, sensor: str, number: int) -> None:
    """Record the number of a ledger that was just written. Only in a folder: a bucket's operator keeps its objects
    whole, and a sensor's key may allow to write no other record than its ledger. Raises OSError."""
    if isinstance(place.path(""), Path):
        place.write(head_name(sensor), sealed({"number": number}))


def read_head(place: ObjectStore, sensor: str) -> int:
    """The number of a sensor's last ledger, or of an earlier one; 0 where it is missing or damaged. Raises OSError."""
    try:
        record = unsealed(place.read(head_name(sensor), MOST_RECORD))
        return _count(record["number"], "number")
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        return 0


def whole_ledger(place: ObjectStore, sensor: str) -> Ledger | None:
    """As `read_ledger`. Raises DamageError where it is older than its head, or missing though it has one."""
    number = read_head(place, sensor)
    ledger = read_ledger(place, sensor)
    if not number or (ledger is not None and ledger.number >= number):
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
    """A lake's id; None where there is no lake. Raises OSError, or ValueError where it is none of this version."""
    try:
        record = unsealed(place.read(LAKE, MOST_RECORD))
        if not isinstance(record, dict) or record.get("format") != "ims lake" or not _is(_ID, record.get("id")):
            raise ValueError
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise ValueError(f"{place.where} is no lake: its lake.json is damaged, or another program's") from None
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
    if set(place.names(deep=False)) - {"_lake", "lost+found"}:
        expected = "expected a lake or a new folder"
        raise ValueError(f"{place.where} is not empty and no lake (it has no lake.json); {expected}")


def make_lake(place: ObjectStore) -> str:
    """Make a place a lake, unless it is one already, and return the lake's id.

    Raises OSError, or ValueError where the place holds something else.
    """
    known = lake_id(place)
    if known is not None:
        return known
    if isinstance(folder := place.path(""), Path):
        refuse_system_folder(folder, "the lake")
    refuse_other_place(place)
    place.write(LAKE, sealed({"format": "ims lake", "schema": LAKE_SCHEMA, "id": secrets.token_hex(16)}))
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
    rows, octets = (_count(file[name], f"{named}: {name}") for name in ("rows", "bytes"))
    number = _count(file["number"], f"{named}: number", 1, number)
    xxh3 = _count(file["xxh3"], f"{named}: xxh3", 0, (1 << 64) - 1) if "xxh3" in file else None
    return Shipment(rows, octets, file["sha256"], number, xxh3)
