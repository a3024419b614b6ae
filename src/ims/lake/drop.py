"""Retention by the shipper: limits for a store that no process writes; it drops only files that a lake has."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from ims.store.compaction import withdraw
from ims.store.lock import WriterLock
from ims.store.manifest import Manifest
from ims.store.retention import retain
from ims.store.schema import state_folder
from ims.store.shipment import ShipmentCheck


class _DropperLock(WriterLock):
    busy = (
        "sensor {sensor!r} is being written by process {holder}, which must drop hours itself: give the limits to it, "
        "with keep_until_shipped = true"
    )


def drop_shipped(
    store: Path, sensor: str, now_us: int, keep_age_us: int | None = None, keep_bytes: int | None = None
) -> dict[str, int]:
    """Apply the limits to a sensor's files that were shipped; returns what `retain` does.

    Raises ValueError where a process writes the sensor or the record of shipments can't be read, OSError.
    """
    folder = state_folder(store, sensor)
    with _DropperLock(folder, sensor), closing(Manifest(store, folder)) as manifest:
        withdraw(store, manifest)
        known = ShipmentCheck(store, sensor)
        return retain(manifest, now_us, keep_age_us, keep_bytes, known.has, known.last)
