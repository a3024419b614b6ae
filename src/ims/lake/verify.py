"""Verification of a whole lake: each object is compared with its ledger, and unlisted objects are found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ims.lake.ledger import LAKE, Ledger, lake_id, ledger_name, ledger_sensors, whole_ledger
from ims.lake.object_store import ObjectStore
from ims.lake.uri import open_place
from ims.lake.verified_upload import Digest
from ims.records import TABLES
from ims.store.damage import DamageError
from ims.store.verify import UNLISTED, Fault, Progress, Verification, nothing, noting
from ims.text import quantity

SHIPPED = "a shipment that was killed, or goes on, left it: the next one reads it and counts it"
REMEDY = "put it back from the sensor's store or a copy"


def verify_lake(uri: str | Path, show: Callable[[Progress], None] = nothing) -> Verification:
    """Verify a whole lake. `show` may raise, to end it. Raises OSError, or ValueError where there is no lake."""
    place = open_place(uri)
    if lake_id(place) is None:
        raise ValueError(f"{place.where} is no lake (it has no {LAKE})")
    found = Verification()
    ledgers: dict[str, Ledger] = {}
    for sensor in ledger_sensors(place):
        with noting(found, place.named(ledger_name(sensor))):
            if (ledger := whole_ledger(place, sensor)) is not None:
                ledgers[sensor] = ledger
    octets = sum(file.bytes for ledger in ledgers.values() for file in ledger.files.values())
    for sensor, ledger in ledgers.items():
        for name in sorted(ledger.files):
            with noting(found, place.named(name), REMEDY):
                _compare(place, name, ledger, found, lambda: show(Progress(found.octets, octets)))
        for table in TABLES:
            names = place.names(f"{table}/sensor={sensor}")
            found.faults += [_unlisted(place, name) for name in names if name not in ledger.files]
    return found


def _compare(place: ObjectStore, name: str, ledger: Ledger, found: Verification, go_on: Callable[[], None]) -> None:
    digest, file = Digest(), ledger.files[name]
    for chunk in digest.of(place.chunks(name)):
        found.octets += len(chunk)
        go_on()
    print_ = digest.print
    if print_.bytes != file.bytes:
        why = f"{quantity(print_.bytes, 'octet')} where {file.bytes:,} were shipped"
        raise DamageError(place.named(name), why, REMEDY)
    if print_.sha256 != file.sha256:
        raise DamageError(place.named(name), "its octets aren't those that were shipped", REMEDY)
    found.files += 1


def _unlisted(place: ObjectStore, name: str) -> Fault:
    ours = name.endswith(".parquet") and not name.startswith("coverage/")
    return Fault(place.named(name), "leftover" if ours else "unlisted", SHIPPED if ours else UNLISTED, "")
