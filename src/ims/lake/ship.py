"""Shipping of a sensor's finished hours to a lake: sent, read back, listed in the ledger, and recorded at the sensor.

A killed run loses nothing and doubles nothing. A file counts once a ledger names it; the next run finds those that were
sent, verifies them, and doesn't send them again. The order of a shipment: payloads, raw frames, packets, and last
coverage, so that the lake never claims coverage without packets.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from ims.lake.bandwidth import Bandwidth
from ims.lake.coverage import covered
from ims.lake.ledger import (
    Ledger,
    Shipment,
    head_name,
    lake_id,
    ledger_name,
    make_lake,
    refuse_store,
    whole_ledger,
    write_head,
)
from ims.lake.object_store import ObjectStore
from ims.lake.verified_upload import put_verified, send_verified
from ims.store.lock import ShipperLock
from ims.store.manifest import Files, Snapshot
from ims.store.schema import part_of, state_folder
from ims.store.shipment import ShipmentRecord, is_taken_apart, read_shipped, shipped_file, write_shipped
from ims.store.store_id import store_id

TABLES_IN_ORDER = ("payloads", "frames_raw", "packets")
CHECKPOINT_FILES = 64
CHECKPOINT_SECONDS = 15.0
"""The ledger is rewritten after so many files, or so long: a year's is 6 MB."""
_OURS = re.compile(r"[0-9a-f]{32}\.parquet")


@dataclass
class Shipping:
    """The result for one sensor. `files`, `rows`, `bytes`: sent; `already_there`: files from a killed run; `number`: of
    the last shipment; `dropped`: hours that retention dropped afterwards."""

    sensor: str
    files: int = 0
    rows: int = 0
    bytes: int = 0
    already_there: int = 0
    dropped: int = 0
    number: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Progress:
    """For a progress bar: the sensor, and octets of its files that are done, of all."""

    sensor: str
    octets_done: int
    octets: int


@dataclass
class Shipper:
    """Ships sensors of one store to one place. Where `stop` is set, it ends after the present file."""

    store: Path
    place: ObjectStore
    pace: Bandwidth = field(default_factory=Bandwidth)
    progress: Callable[[Progress], None] = lambda progress: None
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic

    def ship(self, sensor: str) -> Shipping:
        """Ship finished files that aren't in the lake yet.

        Raises ValueError where another process ships this sensor, the lake has it from another store, or something on
        either side is damaged; OSError where the place can't be read or written, or gives back other octets.
        """
        begun = self.clock()
        folder = state_folder(self.store, sensor)
        with ShipperLock(folder, sensor):
            for left in folder.glob(".shipped.json.*"):
                left.unlink()
            lake, ledger = self._before(sensor)
            with closing(Snapshot(folder)) as snapshot:
                shipment = _Shipment(self, sensor, lake, ledger, snapshot.state.files)
                shipment.run()
        shipment.report.seconds = round(self.clock() - begun, 3)
        return shipment.report

    def _before(self, sensor: str) -> tuple[str, Ledger]:
        """The lake's id and the sensor's ledger. Raises ValueError where they aren't those of the store's record: files
        that retention dropped, relying on them, would be lost."""
        known = read_shipped(self.store, sensor)
        where = self.place.where
        forget = f"remove {shipped_file(self.store, sensor)} to ship all anew"
        if known is not None:
            lake = lake_id(self.place)
            if lake is None:
                refuse_store(self.place)
                shipped = f"sensor {sensor!r} was shipped to {known.uri}"
                raise ValueError(f"{where} has no lake.json, but {shipped}; is it mounted? Or {forget}")
            if lake != known.lake:
                raise ValueError(f"{where} isn't the lake {known.uri}, where sensor {sensor!r} was shipped; {forget}")
        lake = make_lake(self.place)
        ours = store_id(self.store)
        ledger = whole_ledger(self.place, sensor)
        if ledger is None:
            write_head(self.place, sensor, 0)  # files without it were listed by a ledger that was lost
            ledger = Ledger(ours)
        file = self.place.named(ledger_name(sensor))
        if ledger.store != ours:
            expected = "expected another lake, or a sensor of another name"
            raise ValueError(f"{file}: the lake has a sensor {sensor!r} from another store; {expected}")
        if known is not None and ledger.number < known.number:
            numbers = f"shipment {ledger.number}, but {known.number} was made"
            raise ValueError(f"{file} is of {numbers}; put the newer one back, or {forget}")
        return lake, ledger


class _Shipment:
    def __init__(self, shipper: Shipper, sensor: str, lake: str, ledger: Ledger, held: Files) -> None:
        self._shipper, self._place, self._pace = shipper, shipper.place, shipper.pace
        self._sensor, self._lake, self._ledger, self._held = sensor, lake, ledger, held
        self._new: dict[str, Shipment] = {}
        self._saved_at = shipper.clock()
        self.report = Shipping(sensor, number=ledger.number)

    def run(self) -> None:
        for begins in (*(f"{table}/sensor={self._sensor}/" for table in (*TABLES_IN_ORDER, "coverage")),
                       ledger_name(self._sensor), head_name(self._sensor)):  # fmt: skip
            self._place.clear(begins)
        waiting = self._waiting()
        octets = sum(self._held[path]["bytes"] for path in waiting)
        done = 0
        for path in waiting:
            if self._shipper.stop.is_set():
                break
            self._send(path)
            done += self._held[path]["bytes"]
            self._shipper.progress(Progress(self._sensor, done, octets))
            late = self._shipper.clock() - self._saved_at >= CHECKPOINT_SECONDS
            if late or len(self._new) >= CHECKPOINT_FILES:
                self._save(self._ledger.files)
        self._save(self._ledger.files)
        if not self._shipper.stop.is_set():
            self._replace_coverage()

    def _waiting(self) -> list[str]:
        """Finished files that no ledger names, in the order of shipping: by table, then the oldest first."""
        found = []
        for path in self._held:
            part = part_of(path)
            if part is not None and not part.hot and part.table in TABLES_IN_ORDER and path not in self._ledger.files:
                found.append((TABLES_IN_ORDER.index(part.table), part.since_us, path))
        return [path for *_, path in sorted(found)]

    def _send(self, path: str) -> None:
        size = self._held[path]
        print_, sent = send_verified(self._place, path, self._shipper.store, size, self._pace)
        self._new[path] = Shipment(size["rows"], print_.bytes, print_.sha256, 0, print_.xxh3)
        if sent:
            self.report.files += 1
            self.report.rows += size["rows"]
            self.report.bytes += size["bytes"]
        else:
            self.report.already_there += 1

    def _save(self, kept: Mapping[str, Shipment]) -> None:
        """Write a ledger of kept and new files under a new number, then the sensor's record; neither if unchanged."""
        if self._new or len(kept) != len(self._ledger.files):
            number = self._ledger.number + 1
            new = {path: file._replace(number=number) for path, file in self._new.items()}
            ledger = replace(self._ledger, number=number, files={**kept, **new})
            put_verified(self._place, ledger_name(self._sensor), ledger.octets(), self._pace)
            write_head(self._place, self._sensor, number)
            self._ledger, self._new = ledger, {}
        self._saved_at = self._shipper.clock()
        self.report.number = self._ledger.number
        remembered = self._remembered()
        if self._ledger.number and remembered != read_shipped(self._shipper.store, self._sensor):
            write_shipped(self._shipper.store, self._sensor, remembered)

    def _remembered(self) -> ShipmentRecord:
        numbers = {path: file.number for path, file in self._ledger.files.items()}
        files = {path: number for path, number in numbers.items() if path in self._held}
        gone = [number for path, number in numbers.items() if path not in files and is_taken_apart(path)]
        return ShipmentRecord(self._lake, self._place.uri, self._ledger.number, files, max(gone, default=0))

    def _replace_coverage(self) -> None:
        begins = f"coverage/sensor={self._sensor}/"
        rows = covered(self._shipper.store, self._sensor, self._held, self._ledger.files)
        if rows is not None and rows.name not in self._ledger.files:
            print_ = put_verified(self._place, rows.name, rows.content, self._pace, remove=True)
            self._new[rows.name] = Shipment(rows.rows, print_.bytes, print_.sha256, 0, print_.xxh3)
            self.report.files += 1
            self.report.rows += rows.rows
            self.report.bytes += print_.bytes
            self._save({path: file for path, file in self._ledger.files.items() if not path.startswith(begins)})
        for name in self._place.names(begins):  # replaced now, or by a run that was killed before this
            if name not in self._ledger.files and _OURS.fullmatch(name.rpartition("/")[2]):
                self._place.remove(name)
