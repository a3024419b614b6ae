"""A sensor's coverage in a lake: one Parquet file, replaced whole, that claims no more than the lake has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ims.settings.durations import HOUR_US
from ims.store.damage import refuse_damage
from ims.store.manifest import Files
from ims.store.schema import ROW_GROUP, hour_folder, parquet_writer, part_of, state_folder, stored_schema
from ims.store.shipment import TAKEN_APART

ORDER = ("since", "until", "block", "prefix", "policy")


class CoverageFile(NamedTuple):
    """A file to ship: its name in the lake, its rows, its octets."""

    name: str
    rows: int
    content: bytes


def covered(store: Path, sensor: str, files: Files, shipped: Iterable[str] = ()) -> CoverageFile | None:
    """The coverage in a snapshot's files; None where there is none yet. The same rows give the same name.

    Where the last finished hour (in the snapshot or `shipped`) or hours after it have unfinished parts, it ends where
    they begin: a stopped sensor finishes its last hour early, and may continue in it.
    Raises DamageError where a file isn't what was written, OSError or ArrowInvalid where it can't be read.
    """
    parts = [(path, part) for path in files if (part := part_of(path)) is not None]
    read = []
    for path, part in parts:
        if part.table == "coverage":
            refuse_damage({store / path: files[path]})
            with pq.ParquetFile(store / path, page_checksum_verification=True) as file:
                read.append(file.read(columns=stored_schema("coverage").names))
    if not read:
        return None
    rows = pa.concat_tables(table.cast(stored_schema("coverage")) for table in read)
    known = [part for _, part in parts] + [part for path in shipped if (part := part_of(path)) is not None]
    finished = [part.since_us for part in known if part.table in TAKEN_APART and not part.hot]
    last = max(finished, default=-1)
    later = [part.since_us for _, part in parts if part.table in TAKEN_APART and part.hot and part.since_us >= last]
    if later:
        rows = _until(rows, min(later))
    if not rows.num_rows:
        return None
    rows = rows.sort_by([(name, "ascending") for name in ORDER])
    begin = rows.column("since").cast(pa.int64())[0].as_py()
    content = _parquet(store, sensor, rows)
    folder = hour_folder("coverage", sensor, begin // HOUR_US)
    return CoverageFile(f"{folder}/{hashlib.sha256(content).hexdigest()[:32]}.parquet", rows.num_rows, content)


def _until(rows: pa.Table, cut_us: int) -> pa.Table:
    at = rows.schema.get_field_index("until")
    cut = pa.scalar(cut_us, pa.int64()).cast(rows.schema.field(at).type)
    rows = rows.filter(pc.less(rows.column("since"), cut))
    until = rows.column(at)
    return rows.set_column(at, rows.schema.field(at), pc.if_else(pc.greater(until, cut), cut, until))


def _parquet(store: Path, sensor: str, rows: pa.Table) -> bytes:
    file = state_folder(store, sensor) / "coverage.shipped"
    try:
        with parquet_writer(file, "coverage", rows.schema) as writer:
            writer.write_table(rows, row_group_size=ROW_GROUP)
        return file.read_bytes()
    finally:
        file.unlink(missing_ok=True)
