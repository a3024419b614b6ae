"""A store's layout on disk: its folders, its `store.json`, and how each table is encoded in Parquet.

    STORE/store.json                                             marks a folder as a store
    STORE/packets/sensor=NAME/date=YYYY-MM-DD/hour=HH/*.parquet  finished hours, for every Parquet engine
    STORE/payloads, STORE/frames_raw, STORE/coverage             likewise
    STORE/_hot/packets/sensor=NAME/...                           hours that aren't finished
    STORE/_state/sensor=NAME/                                    manifest, its head, lock, heartbeat, key, reserve, seen
    STORE/_state/store_id, rename.json                           the store's id; a renaming under way

Hours and days are UTC. A file is found by its path, so a path relative to the store is its name everywhere.
"""

from __future__ import annotations

import os
import re
import stat
import uuid
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from ims.full_disk import naming
from ims.moved import earlier_name
from ims.records import TABLES, arrow_schema
from ims.settings.durations import HOUR_US
from ims.store.checked_record import sealed, unsealed
from ims.system_folder import refuse_system_folder

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SCHEMA_VERSION = 1
ROW_GROUP = 1 << 18
_PART = re.compile(
    r"(?P<hot>_hot/)?(?P<table>[a-z_]+)/sensor=(?P<sensor>[^/]+)/date=(?P<date>[0-9-]{10})/hour=(?P<hour>\d\d)/[^/]+"
)

# Sorted or narrow-ranged numbers. BYTE_STREAM_SPLIT would be smaller for `destination` (3.01 bytes against 3.19),
# but Spark 4.3 can't read it for unsigned 32-bit columns.
_DELTA = ("time", "first_seen", "ever_first_seen", "destination")
# Narrow numbers that Parquet stores in 32 bits: split into streams of octets, the empty ones vanish.
# (A random port: 2.00 bytes and 10 ns; as deltas 2.19 and 12; plain 2.50. Destination ports of benchmarks/traffic.py:
# 1.52 bytes and 4.3 ns; in a dictionary 1.60 and 12.8. DuckDB reads it from 2.0 on.)
_SPLIT = ("source_port", "destination_port", "ip_id", "ip_fragment", "ttl", "total_length", "payload_length")
# Values too random for a dictionary to help: trying costs 40 ns a value and then falls back.
_RANDOM = ("source", "tcp_sequence", "tcp_acknowledgment", "icmp_rest", "payload", "frame", "row_key", "length")
# Nearly constant: zstd shrinks them to 0.003 bytes, and a dictionary would take 2.7 ns a row instead of 1.1.
_CONSTANT = ("protocol", "checksum", "tcp_flags", "tcp_urgent", "tos")
# Statistics cost 15 % of encoding; these are the columns whose row groups can be skipped by them.
_STATISTICS = ("time", "first_seen", "since", "until")


class PartPath(NamedTuple):
    """The parts of a file's path."""

    table: str
    sensor: str
    date: str
    hour: int
    hot: bool

    @property
    def since_us(self) -> int:
        """Begin of its hour, in microseconds since the epoch."""
        day = datetime.fromisoformat(self.date).replace(tzinfo=UTC)
        return int(day.timestamp()) * 1_000_000 + self.hour * HOUR_US

    @property
    def folder(self) -> PurePosixPath:
        """Its folder in the tree that others read, relative to the store."""
        return PurePosixPath(self.table, f"sensor={self.sensor}", f"date={self.date}", f"hour={self.hour:02d}")


@lru_cache(1 << 17)  # bounded: a process may run for months, and each file has a name of its own
def part_of(path: str) -> PartPath | None:
    """Parse a path relative to the store; None where it isn't a table's file."""
    match = _PART.fullmatch(path)
    if match is None:
        return None
    return PartPath(match["table"], match["sensor"], match["date"], int(match["hour"]), match["hot"] is not None)


def hour_overlaps(begin_us: int, since_us: int | None, until_us: int | None) -> bool:
    """Whether an hour has a part of [since_us, until_us), in microseconds; None: no limit."""
    return (since_us is None or begin_us + HOUR_US > since_us) and (until_us is None or begin_us < until_us)


def hour_folder(table: str, sensor: str, hour: int) -> str:
    """Folder for the hour that begins `hour` hours after the epoch. Times before 1677 or after 2262 don't occur:
    readers of captures count nanoseconds in 64 bits, and clamp what those don't hold."""
    moment = datetime.fromtimestamp(hour * 3600, UTC)
    return f"{table}/sensor={sensor}/date={moment:%Y-%m-%d}/hour={moment:%H}"


def state_folder(path: Path, sensor: str) -> Path:
    """Where a store keeps a sensor's state."""
    return path / "_state" / f"sensor={sensor}"


def state_folders(path: Path) -> dict[str, Path]:
    """Sensors' state folders, by name, sorted. Raises OSError: `glob` would take an unreadable folder for empty."""
    state = path / "_state"
    folders = sorted(state.iterdir()) if state.is_dir() else []
    return {folder.name.removeprefix("sensor="): folder for folder in folders if folder.name.startswith("sensor=")}


def table_folders(path: Path, sensor: str) -> list[Path]:
    """Where files of a sensor's tables are, finished and hot."""
    return [root / table / f"sensor={sensor}" for root in (path, path / "_hot") for table in TABLES]


@cache
def _encodings(table: str) -> dict[str, Any]:
    names = [column.name for column in TABLES[table]]
    encoded = {name: "DELTA_BINARY_PACKED" for name in names if name in _DELTA}
    encoded |= {name: "BYTE_STREAM_SPLIT" for name in names if name in _SPLIT}
    return {
        "use_dictionary": [name for name in names if name not in _RANDOM + _CONSTANT and name not in encoded],
        "column_encoding": encoded or None,
        "write_statistics": [name for name in names if name in _STATISTICS],
        "compression": "zstd",
        "compression_level": 3 if {"payload", "frame"} & set(names) else 1,
        "store_schema": False,
        "write_page_checksum": True,  # for engines that look at it; 0.7 ns an octet
    }


def parquet_writer(path: Path, table: str, schema: pa.Schema) -> pq.ParquetWriter:
    """A ParquetWriter for one of the store's tables. `schema` is `stored_schema(table)`, or the same with dictionaries.
    Raises OSError; then the file is closed, but not removed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pa.OSFile(str(path), "wb")
    try:
        writer = pq.ParquetWriter(file, schema, **_encodings(table))
    except BaseException:  # a writer that opens the file itself keeps it as long as its error is kept (pyarrow 26)
        file.close()
        raise
    writer.file_handle = file  # closed by its `close`
    return writer


@cache
def stored_schema(table: str) -> pa.Schema:
    """The table's Arrow schema in files: Parquet makes dictionaries itself, and engines choose how to read them."""
    return dense_schema(arrow_schema(table))


def dense_schema(schema: pa.Schema) -> pa.Schema:
    """The same columns, none of them a dictionary."""
    import pyarrow as pa

    return pa.schema([f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in schema])


def write_aside(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file atomically: under another name, fsync, rename, fsync of the folder."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with naming(path), open(fd, "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each entry durable: a synced file is lost with a folder that a power loss removes.
    Raises NotADirectoryError where something else has that name, OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        raise not_a_folder(folder) from None
    sync_folder(folder.parent)


def not_a_folder(path: Path) -> NotADirectoryError:
    """The error to raise where a file, or a broken link, is in a folder's place."""
    kind = "a link that leads nowhere" if path.is_symlink() else "a file"
    return NotADirectoryError(f"{path} is {kind}; expected a folder")


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def refuse_other_folder(path: Path) -> bool:
    """Whether `path` is a store already, and may become one otherwise.

    Raises ValueError where the folder holds something else, NotADirectoryError where it is a file.
    """
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file; expected a folder for the store")
    if (path / "store.json").exists():
        check_store(path)
        return True
    if (path / "lake.json").exists():
        raise ValueError(f"{path} is a lake; expected a store or a new folder")
    if path.exists() and any(not entry.name.startswith(".store.json.") for entry in path.iterdir()):
        raise ValueError(f"{path} is not empty and no store (it has no store.json); expected a store or a new folder")
    return False


def create_store(path: Path) -> None:
    """Make `path` a store, unless it is one. Raises as `refuse_other_folder`, and ValueError for a system folder."""
    if not refuse_other_folder(path):
        refuse_system_folder(path, "the store")
        make_folder(path)
        write_aside(path / "store.json", sealed({"format": "ims store", "schema": SCHEMA_VERSION}))


def rename_file(path: Path) -> Path:
    """The file that exists while a sensor of the store is being renamed (store/rename.py)."""
    return path / "_state" / "rename.json"


def rename_under_way(path: Path) -> tuple[str, str] | None:
    """The old and the new name of the sensor that is being renamed. Raises ValueError where the file is damaged."""
    file = rename_file(path)
    try:
        record = unsealed(file.read_bytes())
        return str(record["old"]), str(record["new"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{file} is damaged: expected the two names of a renaming that was cut off") from None


def refuse_half_renamed(path: Path) -> None:
    """Raises ValueError where a renaming goes on or was cut off: files have either name."""
    names = rename_under_way(path)
    if names is not None:
        command = f"ims sensor rename {names[0]} {names[1]} --store {path}"
        raise ValueError(f"{path}: renaming a sensor goes on or was cut off; `{command}` finishes it")


def is_retired(path: Path, sensor: str) -> bool:
    """Whether the sensor was retired (store/retirement.py)."""
    return (state_folder(path, sensor) / "retired.json").exists()


def refuse_retired(path: Path, sensor: str) -> None:
    """Raises ValueError where the sensor was retired."""
    if is_retired(path, sensor):
        undo = f"`ims sensor retire {sensor} --store {path} --undo` before it writes again"
        raise ValueError(f"sensor {sensor!r} of {path} is retired; expected another name, or {undo}")


def refuse_no_folder(folder: Path, what: str, named: str) -> None:
    """Raises FileNotFoundError or NotADirectoryError, with a message for users, where there is no folder; `what`:
    `store` or `lake`; `named`: the folder as the user typed it. Other OSErrors pass."""
    try:
        found = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{named}: no such {what}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{named} is a file; expected the folder of a {what}")


def check_store(path: Path) -> None:
    """Raises FileNotFoundError, NotADirectoryError or ValueError where `path` is no store of this version."""
    refuse_no_folder(path, "store", str(path))
    try:
        record = unsealed((path / "store.json").read_bytes())
        version = record["schema"] if record["format"] == "ims store" else None
    except FileNotFoundError:
        if (path / "lake.json").exists():
            raise ValueError(f"{path} is a lake; expected a store, or --lake {path}") from None
        raise ValueError(f"{path} is no store: it has no store.json; `ims ingest` makes one") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is no store: its store.json is damaged, or another program's") from None
    if version != SCHEMA_VERSION:
        raise ValueError(f"{path} has store schema {version}; this version reads {SCHEMA_VERSION}")


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
