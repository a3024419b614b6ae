"""A whole store looked at: each file compared with what its manifest says, and files found that nothing lists.

It may be written and asked meanwhile. Nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ims.records import TABLES
from ims.store.damage import HINT, DamageError, compare, remedy_of
from ims.store.head import FILE, read_head
from ims.store.heartbeat import heartbeat_file, refuse_emptied, refuse_spoiled
from ims.store.lock import refuse_held
from ims.store.manifest import Snapshot, State, files_below, listed_files
from ims.store.reader import sensors_with_files
from ims.store.schema import check_store, refuse_half_renamed, state_folder
from ims.store.shipment import read_shipped
from ims.store.store_id import read_store_id
from ims.stored_file import refuse_links

UNLISTED = "nothing lists it: no question sees it, nor will it be deleted; move it away if it isn't known"
LEFTOVER = "a writer that was killed left it; the next one removes it"
_OURS = re.compile(r"[0-9a-f]{32}\.(parquet|npy)")


class Fault(NamedTuple):
    """What is wrong with one file. `kind`: `damaged`, `missing`, `unreadable`, `unlisted`, or `leftover`, which is no
    damage."""

    file: str
    kind: str
    why: str
    remedy: str

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.file} is {self.kind}: {self.why}" + (f"; {self.remedy}" if self.remedy else "")


@dataclass
class Verification:
    """What came of it. `files`, `octets`: compared; `without_checksum`: files of earlier versions, of which only the
    size is known."""

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
    """What a progress bar shows: octets compared, of all."""

    octets_done: int
    octets: int


def nothing(progress: Progress) -> None:
    """Shows no progress."""


def verify_store(store: Path, show: Callable[[Progress], None] = nothing) -> Verification:
    """Look at a whole store. `show` may raise, to end it.

    Raises FileNotFoundError, NotADirectoryError or ValueError where it is no store, or a sensor is being
    renamed; OSError.
    """
    store = store.absolute()
    check_store(store)
    refuse_half_renamed(store)
    found = Verification()
    with_files = sensors_with_files(store)
    folders = sorted((store / "_state").glob("sensor=*"))
    snapshots: dict[str, Snapshot] = {}
    try:
        for folder in folders:
            with noting(found, folder):
                snapshots[folder.name.removeprefix("sensor=")] = Snapshot(folder)
        _compare_all(store, {name: snapshot.state for name, snapshot in snapshots.items()}, found, show)
    finally:
        for snapshot in snapshots.values():
            snapshot.close()
    for sensor in sorted(with_files - {folder.name.removeprefix("sensor=") for folder in folders}):
        listed = next(listed_files(state_folder(store, sensor)), None)
        if listed is not None:
            why = f"it isn't there, and listed {listed.relative_to(store)} and others"
            found.faults.append(Fault(str(state_folder(store, sensor)), "missing", why, "put back a copy of it"))
    _look_at_records(store, snapshots, found)
    for sensor in snapshots:
        with noting(found, state_folder(store, sensor)):
            found.faults += _unlisted(store, sensor)
    return found


def _compare_all(store: Path, states: dict[str, State], found: Verification, show: Callable[[Progress], None]) -> None:
    files = {path: size for state in states.values() for path, size in state.files.items()}
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


class noting(suppress):  # noqa: N801  # a context manager
    """Notes damage, and what can't be read, as a fault, and goes on."""

    def __init__(self, found: Verification, file: Path | str, remedy: str | None = None) -> None:
        """`file`: what is looked at, a lake's as a text, for a URI is no path; `remedy`: for a file that is missing, if
        it isn't a store's."""
        super().__init__()
        self._found, self._file, self._remedy = found, str(file), remedy

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        match error:
            case DamageError():
                fault = Fault(str(error.file), "damaged", error.why, without_hint(error.remedy))
            case InterruptedError():  # by whoever was shown the progress: an OSError, but of no file
                return False
            case FileNotFoundError():
                file = error.filename or self._file
                remedy = self._remedy or without_hint(remedy_of(file))
                fault = Fault(file, "missing", "it isn't there", remedy)
            case OSError():
                fault = Fault(error.filename or self._file, "unreadable", error.strerror or str(error), "")
            case ValueError():
                fault = Fault(self._file, "damaged", str(error), "")
            case _:
                return False
        self._found.faults.append(fault)
        return True


def without_hint(remedy: str) -> str:
    """Whoever reads this has typed `ims store verify`."""
    return remedy.removesuffix(HINT)


def _look_at_records(store: Path, snapshots: Collection[str], found: Verification) -> None:
    with noting(found, store / "_state" / "store_id"):
        read_store_id(store)
    for sensor in snapshots:
        folder = state_folder(store, sensor)
        with noting(found, folder / "shipped.json"):
            read_shipped(store, sensor)
        if (folder / FILE).exists() and read_head(folder) is None:
            found.faults.append(
                Fault(str(folder / FILE), "damaged", "it can't be read", "the next writer makes it anew")
            )
        with noting(found, heartbeat_file(store, sensor)):
            _refuse_bad_heartbeat(store, sensor)


def bad_heartbeats(store: Path) -> list[DamageError]:
    """Heartbeats that don't say how their sensors are. Raises OSError."""
    bad = []
    for folder in sorted((store / "_state").glob("sensor=*")):
        try:
            _refuse_bad_heartbeat(store, folder.name.removeprefix("sensor="))
        except DamageError as error:
            bad.append(error)
    return bad


def _refuse_bad_heartbeat(store: Path, sensor: str) -> None:
    refuse_spoiled(store, sensor)
    if not _is_written(state_folder(store, sensor), sensor):
        refuse_emptied(store, sensor)


def unlisted_files(store: Path) -> list[str]:
    """Files of a store that nothing lists, those that a killed writer left not among them. Reads no file of rows.
    Raises OSError."""
    names = sorted(folder.name.removeprefix("sensor=") for folder in (store / "_state").glob("sensor=*"))
    return [fault.file for name in names for fault in _unlisted(store, name) if fault.kind == "unlisted"]


def _unlisted(store: Path, sensor: str) -> list[Fault]:
    """Files of a sensor that its manifest doesn't name. One that a writer has just published, or is about to, isn't
    among them: the manifest is read again after the files were seen."""
    folder = state_folder(store, sensor)
    seen = {str(path.relative_to(store)) for path in _files_of(store, folder)}
    try:
        snapshot = Snapshot(folder)
    except DamageError:
        return []  # said already
    state = snapshot.state
    snapshot.close()
    unknown = sorted(seen - state.files.keys() - state.trash.keys() - set(state.publishing))
    written = _is_written(folder, sensor)
    faults = []
    for name in unknown:
        removed = name.startswith(("_hot/", "_state/")) and _OURS.fullmatch(name.rpartition("/")[2]) is not None
        if removed and not written and (store / name).exists():
            faults.append(Fault(str(store / name), "leftover", LEFTOVER, ""))
        elif not removed and (store / name).exists():
            faults.append(Fault(str(store / name), "unlisted", UNLISTED, ""))
    return faults


def _files_of(store: Path, folder: Path) -> Iterator[Path]:
    for root in (store, store / "_hot"):
        for table in TABLES:
            yield from files_below(root / table / folder.name)
    yield from (folder / "seen").glob("*")


def _is_written(folder: Path, sensor: str) -> bool:
    try:
        refuse_held(folder, sensor, lambda holder: False)
    except ValueError:
        return True
    return False
