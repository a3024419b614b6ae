"""Verification of a whole store: each file is compared with its manifest's entry, and unlisted files are found.

It may be written and queried meanwhile. Nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ims.store.damage import HINT, DamageError, compare, remedy_of
from ims.store.head import FILE, read_head
from ims.store.heartbeat import heartbeat_file, refuse_emptied, refuse_spoiled
from ims.store.lock import refuse_held
from ims.store.manifest import Snapshot, files_below, listed_files, read_state
from ims.store.reader import sensors_with_files
from ims.store.schema import check_store, refuse_half_renamed, state_folder, state_folders, table_folders
from ims.store.shipment import read_shipped
from ims.store.store_id import read_store_id
from ims.stored_file import refuse_links

UNLISTED = "nothing lists it: no question sees it, nor will it be deleted; move it away if it isn't known"
LEFTOVER = "a writer that was killed left it; the next one removes it"
_OURS = re.compile(r"[0-9a-f]{32}\.(parquet|npy)")


class Fault(NamedTuple):
    """A problem with one file. `kind`: `damaged`, `missing`, `unreadable`, `unlisted`, or `leftover` (no damage)."""

    file: str
    kind: str
    why: str
    remedy: str

    @property
    def line(self) -> str:
        """For users."""
        return f"{self.file} is {self.kind}: {self.why}" + (f"; {self.remedy}" if self.remedy else "")


@dataclass
class Verification:
    """The result. `files`, `octets`: compared; `without_checksum`: files of earlier versions, compared by size."""

    files: int = 0
    octets: int = 0
    without_checksum: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged, missing, unreadable or unlisted."""
        return all(fault.kind == "leftover" for fault in self.faults)


@dataclass(frozen=True)
class Progress:
    """For a progress bar: octets compared, of all."""

    octets_done: int
    octets: int


def nothing(progress: Progress) -> None:
    """Shows no progress."""


def verify_store(store: Path, show: Callable[[Progress], None] = nothing) -> Verification:
    """Verify a whole store. `show` may raise, to end it. Raises FileNotFoundError, NotADirectoryError or ValueError
    where it is no store, or a sensor is being renamed; OSError."""
    store = store.absolute()
    check_store(store)
    refuse_half_renamed(store)
    found = Verification()
    with_files = sensors_with_files(store)
    folders = state_folders(store)
    snapshots: dict[str, Snapshot] = {}
    with ExitStack() as opened:
        for sensor, folder in folders.items():
            with noting(found, folder):
                snapshots[sensor] = opened.enter_context(closing(Snapshot(folder)))
        _compare_all(store, snapshots, found, show)
    for sensor in sorted(with_files - folders.keys()):
        listed = next(listed_files(state_folder(store, sensor)), None)
        if listed is not None:
            why = f"it isn't there, and listed {listed.relative_to(store)} and others"
            found.faults.append(Fault(str(state_folder(store, sensor)), "missing", why, "put back a copy of it"))
    _look_at_records(store, snapshots, found)
    for sensor in snapshots:
        with noting(found, state_folder(store, sensor)):
            found.faults += _unlisted(store, sensor)
    return found


def _compare_all(
    store: Path, snapshots: dict[str, Snapshot], found: Verification, show: Callable[[Progress], None]
) -> None:
    files = {path: size for snapshot in snapshots.values() for path, size in snapshot.state.files.items()}
    octets = sum(size["bytes"] for size in files.values())

    def go_on(more: int) -> None:
        found.octets += more
        show(Progress(found.octets, octets))

    for path, size in sorted(files.items()):
        with noting(found, store / path):
            refuse_links([store / path])
            compare(store / path, size, go_on)
            found.files += 1
            found.without_checksum += "xxh3" not in size


@contextmanager
def noting(found: Verification, file: Path | str, remedy: str | None = None) -> Iterator[None]:
    """Records damage, and unreadable files, as a fault, and continues. `file`: the verified file, or a lake's URI;
    `remedy`: for a missing file, if it isn't a store's."""
    try:
        yield
    except DamageError as error:  # without the hint, for users who have run `ims store verify` already
        fault = Fault(str(error.file), "damaged", error.why, error.remedy.removesuffix(HINT))
    except InterruptedError:  # raised by `show`: an OSError, but of no file
        raise
    except FileNotFoundError as error:
        name = error.filename or str(file)
        fault = Fault(name, "missing", "it isn't there", remedy or remedy_of(name).removesuffix(HINT))
    except OSError as error:
        fault = Fault(error.filename or str(file), "unreadable", error.strerror or str(error), "")
    except ValueError as error:
        fault = Fault(str(file), "damaged", str(error), "")
    else:
        return
    found.faults.append(fault)


def _look_at_records(store: Path, snapshots: Collection[str], found: Verification) -> None:
    with noting(found, store / "_state" / "store_id"):
        read_store_id(store)
    for sensor in snapshots:
        folder = state_folder(store, sensor)
        with noting(found, folder / "shipped.json"):
            read_shipped(store, sensor)
        head = folder / FILE
        if head.exists() and read_head(folder) is None:
            found.faults.append(Fault(str(head), "damaged", "it can't be read", "the next writer makes it anew"))
        with noting(found, heartbeat_file(store, sensor)):
            _refuse_bad_heartbeat(store, sensor)


def bad_heartbeats(store: Path) -> list[DamageError]:
    """Damage of heartbeats. Raises OSError."""
    bad = []
    for sensor in state_folders(store):
        try:
            _refuse_bad_heartbeat(store, sensor)
        except DamageError as error:
            bad.append(error)
    return bad


def _refuse_bad_heartbeat(store: Path, sensor: str) -> None:
    refuse_spoiled(store, sensor)
    if not _is_written(state_folder(store, sensor), sensor):
        refuse_emptied(store, sensor)


def unlisted_files(store: Path) -> list[str]:
    """Unlisted files of a store, without those that a killed writer left. Reads no file of rows. Raises OSError."""
    faults = (fault for sensor in state_folders(store) for fault in _unlisted(store, sensor))
    return [fault.file for fault in faults if fault.kind == "unlisted"]


def _unlisted(store: Path, sensor: str) -> list[Fault]:
    """Files of a sensor that its manifest doesn't name. One that a writer has just published, or is about to, isn't
    among them: the manifest is read again after the files were listed."""
    folder = state_folder(store, sensor)
    files = [path for place in table_folders(store, sensor) for path in files_below(place)]
    seen = {str(path.relative_to(store)) for path in (*files, *(folder / "seen").glob("*"))}
    try:
        state = read_state(folder)
    except DamageError:
        return []  # reported already
    written = _is_written(folder, sensor)
    faults = []
    for name in sorted(seen - state.files.keys() - state.trash.keys() - set(state.publishing)):
        removed = name.startswith(("_hot/", "_state/")) and _OURS.fullmatch(name.rpartition("/")[2]) is not None
        if not (removed and written) and (store / name).exists():
            kind, why = ("leftover", LEFTOVER) if removed else ("unlisted", UNLISTED)
            faults.append(Fault(str(store / name), kind, why, ""))
    return faults


def _is_written(folder: Path, sensor: str) -> bool:
    try:
        refuse_held(folder, sensor, lambda holder: False)
    except ValueError:
        return True
    return False
