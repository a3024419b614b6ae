"""From hot parts to finished hours: small parts become one, and a finished hour appears by one rename.

The tree that others read is filled by hard links, so our earlier queries keep using the hot names, which are deleted
when no reader can know of them. Where the hour's folder exists already (late packets), each part is renamed into it.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ims.full_disk import naming
from ims.store.columns import complete
from ims.store.damage import DamageError, refuse_damage
from ims.store.manifest import Files, Manifest, remove_empty
from ims.store.parts import OpenPart
from ims.store.schema import ROW_GROUP, part_of, stored_schema, sync_folder

WORTH_MERGING = 1 << 16
"""Parts of at least so many rows, or of MERGED_OCTETS, are not merged: encoding them again would cost more than it
saves (0.7 us a row; a sensor under load writes parts of 200,000 rows)."""

MERGED_OCTETS = 64 << 20
"""Octets of rows that make a row group of the merged part before it has ROW_GROUP rows: a payload may have 64 kB."""

READ_ROWS = 1 << 14
"""Rows read at once where memory is scarce."""

HOT_PARTS = 16
"""More small parts of one hour are merged before the hour is finished: a query opens each."""


def hot_hours(files: Iterable[str]) -> dict[tuple[str, int], list[str]]:
    """Hot parts by table and hour (microseconds since the epoch), in the order they were written."""
    hours: dict[tuple[str, int], list[str]] = {}
    for path in files:
        part = part_of(path) if path.startswith("_hot/") else None
        if part is not None:
            hours.setdefault((part.table, part.since_us), []).append(path)
    return hours


def merge_parts(
    store: Path, parts: Files, go_on: Callable[[], bool] = lambda: True, most_octets: int | None = None
) -> tuple[str, dict[str, int]]:
    """Write the rows of several parts of one hour as one new hot part; returns its path and size. `parts`: as the
    manifest has them; `most_octets`: as MERGED_OCTETS.

    Leaves nothing behind where it raises: InterruptedError, where `go_on` says no between two row groups, DamageError
    where a part isn't what was written, OSError.
    """
    refuse_damage({store / path: size for path, size in parts.items()})
    kind = part_of(next(iter(parts)))
    assert kind is not None
    schema = stored_schema(kind.table)
    merged = OpenPart(store, f"_hot/{kind.folder}/{uuid.uuid4().hex}.parquet", kind.table, schema)
    waiting: list[pa.RecordBatch] = []
    read_rows = ROW_GROUP if most_octets is None else READ_ROWS
    try:
        for path in parts:
            with pq.ParquetFile(store / path, page_checksum_verification=True) as file:
                for batch in file.iter_batches(read_rows, columns=schema.names, use_threads=False):
                    if not go_on():
                        raise InterruptedError
                    waiting.append(complete(batch, schema))
                    rows, octets = sum(each.num_rows for each in waiting), sum(each.nbytes for each in waiting)
                    if rows >= ROW_GROUP or octets >= (most_octets or MERGED_OCTETS):
                        merged.write(pa.Table.from_batches(waiting).cast(schema))
                        waiting = []
        if waiting:
            merged.write(pa.Table.from_batches(waiting).cast(schema))
        return merged.path, merged.close()
    except BaseException:
        merged.discard()
        raise


def small_parts(manifest: Manifest, paths: Sequence[str]) -> list[str]:
    """Those of an hour's hot parts that are worth merging: none where there is only one.

    Not those of coverage: each belongs to one capture, whose next checkpoint replaces it by name. Nor those known to be
    damaged: merged, they would get a right checksum; as they are, each question about them reports the damage.
    """
    kind = part_of(paths[0])
    if kind is None or kind.table == "coverage":
        return []
    sizes = {path: manifest.state.files[path] for path in paths if path not in manifest.damaged}
    small = [path for path, size in sizes.items() if size["rows"] < WORTH_MERGING and size["bytes"] < MERGED_OCTETS]
    return small if len(small) > 1 else []


def compact_hour(store: Path, manifest: Manifest, paths: list[str]) -> list[str]:
    """Merge the small ones among an hour's hot parts, commit, and return the parts that it now has."""
    while small := small_parts(manifest, paths):
        try:
            merged, size = merge_parts(store, {path: manifest.state.files[path] for path in small})
        except DamageError as error:
            note_damaged(store, manifest, error)
            continue
        manifest.commit(add={merged: size}, drop=small)
        return [path for path in paths if path not in small] + [merged]
    return paths


def note_damaged(store: Path, manifest: Manifest, error: DamageError) -> None:
    """Leave a damaged part out of what is merged from now on."""
    manifest.damaged.add(str(Path(error.file).relative_to(store)))


def compact_hot(store: Path, manifest: Manifest) -> None:
    """Merge hot parts where an unfinished hour has too many of them."""
    for paths in hot_hours(manifest.state.files).values():
        if len(paths) > HOT_PARTS:
            compact_hour(store, manifest, paths)


def publish(store: Path, manifest: Manifest, sensor: str, before_us: int | None = None, merging: bool = True) -> None:
    """Move finished hours (those that begin before `before_us`; None: all) into the tree that others read, merged;
    without `merging`, only those in which there is nothing to merge.

    Where it fails, hours that have appeared already may disappear; their rows are still hot.
    """
    withdraw(store, manifest)
    moved: dict[str, list[str]] = {}
    for (_table, since_us), paths in hot_hours(manifest.state.files).items():
        finished = before_us is None or since_us < before_us
        if finished and (merging or not small_parts(manifest, paths)):
            compacted = compact_hour(store, manifest, paths)
            moved[compacted[0].removeprefix("_hot/").rpartition("/")[0]] = compacted
    if not moved:
        return
    stage = store / "_hot" / "_stage" / sensor
    shutil.rmtree(stage, ignore_errors=True)
    targets = {path: f"{folder}/{Path(path).name}" for folder, paths in moved.items() for path in paths}
    manifest.commit(publishing=list(targets.values()))
    changed: set[Path] = set()
    for folder, paths in moved.items():
        aside = stage / folder
        aside.mkdir(parents=True)
        for path in paths:
            _link(store / path, aside / Path(path).name)
        sync_folder(aside)
        changed |= _appear(aside, store / folder, store)
    for parent in changed:
        sync_folder(parent)
    files = manifest.state.files
    manifest.commit(add={target: files[path] for path, target in targets.items()}, drop=list(targets), publishing=[])
    shutil.rmtree(stage, ignore_errors=True)


def withdraw(store: Path, manifest: Manifest) -> None:
    """Remove files that an interrupted publishing left in the tree unlisted: those rows are still hot, and might be
    merged under another name before they appear again."""
    state = manifest.state
    if not state.publishing:
        return
    for path in state.publishing:
        if path not in state.files and path not in state.trash:
            (store / path).unlink(missing_ok=True)
            remove_empty((store / path).parent)
    manifest.commit(publishing=[])


def _appear(aside: Path, folder: Path, store: Path) -> set[Path]:
    """Rename a staged hour to its place; returns the folders whose entries changed."""
    made = [parent for parent in [folder.parent, *folder.parent.parents] if parent.is_relative_to(store)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        aside.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        for file in sorted(aside.iterdir()):
            file.rename(folder / file.name)
        made.append(folder)
    return set(made)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:  # a file system without hard links
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise
        with naming(target):
            shutil.copyfile(source, target)
            with target.open("rb+") as copy:
                os.fsync(copy.fileno())
