"""The one writer of a sensor's part of a store.

Rows go to lanes that encode them (parts.py); `checkpoint` makes all of them durable and visible at once, together with
how far each capture has been read; `finish` puts finished hours where others read them. A process killed in between
leaves files that no manifest names: the next writer removes those.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ims.darknet import check_sensor_name
from ims.records import TABLES
from ims.store.arrays import signatures
from ims.store.captures import Captures
from ims.store.columns import Distinct, distinct_values
from ims.store.compaction import compact_hot, publish, withdraw
from ims.store.damage import DamageError, refuse_damage
from ims.store.first_seen_index import FirstSeenIndex
from ims.store.lock import WriterLock
from ims.store.manifest import Manifest, State, remove_empty
from ims.store.merger import Merger
from ims.store.parts import Lane
from ims.store.reserve import Reserve
from ims.store.retention import retain
from ims.store.schema import (
    ROW_GROUP,
    create_store,
    part_of,
    refuse_half_renamed,
    refuse_retired,
    state_folder,
    write_aside,
)
from ims.store.shipment import ShipmentCheck
from ims.store.store_id import store_id
from ims.text import quantity

Coverage = Mapping[str, pa.Table]
"""Coverage rows by capture."""
TIME_COLUMN = {"packets": "time", "payloads": "first_seen", "frames_raw": "time", "coverage": "since"}
WAITING = 1
"""Batches that wait in a lane beside the one being encoded: enough to keep it busy, few enough for memory."""

KEY_OCTETS = 16
_OURS = re.compile(r"[0-9a-f]{32}\.(parquet|npy)|\.manifest(-\d+\.log|\.head)\.[0-9a-f]{8}|\.key\.[0-9a-f]{8}")


class SensorWriter:
    """Writes packets, payloads, raw frames and coverage of one sensor; called from one thread.

    Raises ValueError where the sensor is being written already or the folder is no store.

    After a failed write or checkpoint, rows are missing, so all further ones raise the same: close it. Then the store
    is as the last checkpoint left it.
    """

    def __init__(self, path: Path, sensor: str, lanes: int | None = None) -> None:
        check_sensor_name(sensor)
        create_store(path)
        refuse_half_renamed(path)
        refuse_retired(path, sensor)
        self.path, self.sensor = path, sensor
        self._failed: BaseException | None = None
        self._merger: Merger | None = None
        self._state = state_folder(path, sensor)
        self._lock = WriterLock(self._state, sensor)
        self._reserve = Reserve(self._state)
        with ExitStack() as on_error:
            on_error.callback(self._lock.release)
            self.store_id = store_id(path)
            self.manifest = on_error.enter_context(closing(Manifest(path, self._state, self._remove_leftovers)))
            withdraw(path, self.manifest)
            self.manifest.collect()
            self.key = self._load_key()
            files = self.manifest.state.files
            runs = {name: size for name, size in files.items() if name.startswith("_state/")}
            refuse_damage({path / name: size for name, size in runs.items()})
            self.seen = FirstSeenIndex(path, f"_state/sensor={sensor}/seen", runs)
            on_error.pop_all()
        self._reserve.take()
        count = lanes or max(1, min(2, len(os.sched_getaffinity(0))))
        self._lanes = [Lane(path, sensor, number) for number in range(count)]
        self._shipped = ShipmentCheck(path, sensor)

    def _load_key(self) -> bytes:
        """The secret key of payload hashes: whoever knew it could craft payloads whose hashes collide."""
        file = self._state / "key"
        if not file.exists():
            write_aside(file, secrets.token_bytes(KEY_OCTETS), mode=0o600)
        key = file.read_bytes()
        if len(key) != KEY_OCTETS:
            found = quantity(len(key), "octet")
            raise ValueError(f"{file} is damaged: {found}, expected {KEY_OCTETS}; without it, another is made")
        return key

    def _remove_leftovers(self, state: State) -> None:
        """Remove files of a killed writer, which no manifest names. On a disk that is full still, use the reserve."""
        known = {*state.files, *state.trash}
        for table in TABLES:
            for folder in (self.path / "_hot" / table / f"sensor={self.sensor}").glob("date=*/hour=*"):
                self._remove_unknown(folder, known)
                remove_empty(folder)
        for folder in (self._state, self._state / "seen"):
            self._remove_unknown(folder, known)
        shutil.rmtree(self.path / "_hot" / "_stage" / self.sensor, ignore_errors=True)
        self._reserve.give_back()

    def _remove_unknown(self, folder: Path, known: Collection[str]) -> None:
        for file in folder.glob("*"):
            if _OURS.fullmatch(file.name) and str(file.relative_to(self.path)) not in known:
                file.unlink()

    def write(self, table: str, make_rows: Callable[[], pa.Table], done: Callable[[], None] | None = None) -> None:
        """Have a lane make rows and append them to `table`; waits while all lanes are busy.

        `make_rows` runs in the lane's thread, so what it reads must stay as it is until `done` is called there.
        Raises what writing earlier rows raised.
        """
        self._raise_failure()

        def work(lane: Lane) -> None:
            lane.write(table, TIME_COLUMN[table], make_rows())
            if done is not None:
                done()

        while (lane := min(self._lanes, key=lambda lane: lane.waiting)).waiting > WAITING:
            lane.wait_for_one()
        lane.submit(work)

    def checkpoint(
        self, captures: Captures | None = None, coverage: Coverage | None = None, publish_before_us: int | None = None
    ) -> None:
        """`commit`, then merge hours of too many parts and publish hours that begin before `publish_before_us`.

        Raises OSError. Where merging or publishing raised it, the commit is made.
        """
        self.commit(captures, coverage)
        compact_hot(self.path, self.manifest)
        if publish_before_us is not None:
            publish(self.path, self.manifest, self.sensor, publish_before_us)
        self._tidy()

    def commit(self, captures: Captures | None = None, coverage: Coverage | None = None) -> None:
        """Make everything written so far durable and visible, and record how far each capture was read.

        `coverage` holds each capture's coverage rows; they replace those of its last checkpoint. Raises OSError.
        """
        self._raise_failure()
        try:
            self._commit(captures or {}, coverage or {})
        except BaseException as error:
            self._failed = error
            raise

    def settle(self, publish_before_us: int) -> None:
        """As `checkpoint` after its commit, without waiting for parts to be merged: a thread merges them, and an hour
        is published at a later call, when that is done. Raises OSError; what was committed stays so."""
        if self._merger is None:
            self._merger = Merger(self.path, self.manifest)
        self._merger.go_on(publish_before_us)
        publish(self.path, self.manifest, self.sensor, publish_before_us, merging=False)
        self._tidy()

    def _tidy(self) -> None:
        self.manifest.roll_if_long()
        self.manifest.collect()
        self._reserve.take()

    def _raise_failure(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _commit(self, captures: Captures, coverage: Coverage) -> None:
        records = {name: dict(record) for name, record in captures.items()}
        added: dict[str, dict[str, int]] = {}
        known = self.manifest.state
        old = {file for name in coverage for file in known.captures.get(name, {}).get("coverage", ())}
        dropped = [path for path in known.files if path.rpartition("/")[2] in old] if old else []
        try:
            for lane in self._lanes:
                lane.begin_seal()
            for lane in self._lanes:
                added |= lane.seal()
            for name, rows in coverage.items():
                self._lanes[0].write("coverage", TIME_COLUMN["coverage"], rows)
                files = self._lanes[0].seal()
                added |= files
                records[name]["coverage"] = [Path(path).name for path in files]
            runs, merged = self.seen.seal()
        except BaseException:
            for path in added:  # what one lane sealed before another failed
                (self.path / path).unlink(missing_ok=True)
            raise
        self.manifest.commit(add=added | runs, drop=dropped + merged, captures=records)

    def remember(self, captures: Captures) -> None:
        """Change the records of captures, keeping where their coverage is."""
        kept = {name: self.captures.get(name, {}).get("coverage", []) for name in captures}
        self.manifest.commit(captures={name: {**record, "coverage": kept[name]} for name, record in captures.items()})

    def payloads_of(
        self, day: date, without: Callable[[DamageError], None] | None = None
    ) -> Iterator[tuple[np.ndarray[Any, Any], Distinct]]:
        """Committed payloads of a UTC day: ((n, 16) signatures, payloads), some at a time. `without`: called with the
        damage of a file that is left out. Raises DamageError without it, OSError."""
        for path, size in list(self.manifest.state.files.items()):
            part = part_of(path)
            if part is not None and part.table == "payloads" and part.date == day.isoformat():
                try:
                    refuse_damage({self.path / path: size})
                except DamageError as error:
                    if without is None:
                        raise
                    without(error)
                    continue
                with pq.ParquetFile(self.path / path) as file:
                    for batch in file.iter_batches(ROW_GROUP, columns=["signature", "payload"]):
                        yield signatures(batch.column("signature")), distinct_values(batch.column("payload"))

    @property
    def captures(self) -> dict[str, dict[str, Any]]:
        """Captures remembered, by id."""
        return self.manifest.state.captures

    def bytes_stored(self, paths: Iterable[str] | None = None) -> int:
        """Bytes of the sensor's files (of `paths` among them)."""
        files = self.manifest.state.files
        return sum(files[path]["bytes"] for path in (files if paths is None else paths) if path in files)

    def finish(
        self, now_us: int, keep_age_us: int | None = None, keep_bytes: int | None = None, until_shipped: bool = False
    ) -> dict[str, int]:
        """Publish all hours and apply the limits; returns what retention dropped. Follows a `checkpoint`."""
        self.publish()
        return self.retain(now_us, keep_age_us, keep_bytes, until_shipped)

    def publish(self, before_us: int | None = None) -> None:
        """Publish hours that begin before `before_us`; None: all. Follows a `commit`; raises OSError."""
        self._raise_failure()
        if self._merger is not None:  # its parts are merged here
            self._merger.stop()
            self._merger = None
        publish(self.path, self.manifest, self.sensor, before_us)
        self.manifest.roll()
        self.manifest.collect()

    def retain(
        self, now_us: int, keep_age_us: int | None = None, keep_bytes: int | None = None, until_shipped: bool = False
    ) -> dict[str, int]:
        """Apply the limits; returns what was dropped. `until_shipped`: only files that a lake has.

        Raises ValueError where the record of shipments is needed and can't be read.
        """
        may_go = self._shipped.has if until_shipped else None
        return retain(self.manifest, now_us, keep_age_us, keep_bytes, may_go, self._shipped.last)

    def close(self) -> None:
        """Release the sensor. Rows since the last checkpoint are not in the store."""
        for lane in self._lanes:
            lane.stop()
        if self._merger is not None:
            self._merger.stop()
        self.manifest.close()
        self._lock.release()
