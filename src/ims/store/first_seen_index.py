"""The first arrival of each payload signature of a sensor, on any day.

A series of sorted runs on disk, each an (n, 2) array of uint64: the signature's first half, big-endian, and the
first arrival in microseconds. Half a signature is enough: by chance two of 100 million payloads share one once in
3,700 stores, and whoever wants a payload to look old can as well send it early. A run is written once and never
changed. Eight runs of similar size become one, so a row is written again once each time the index has grown eightfold;
they are merged range by range, so memory stays bounded.
"""

from __future__ import annotations

import os
import secrets
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ims.full_disk import naming
from ims.store.damage import sizes_of
from ims.store.first_seen_table import look_up_or_add
from ims.store.schema import make_folder, sync_folder
from ims.stored_file import refuse_links

Array = np.ndarray[Any, Any]
MERGE_RUNS = 8


def first_half(signatures: Array) -> Array:
    """(n, 16) octets as n uint64 that sort as the octets do."""
    return np.ascontiguousarray(signatures).view(">u8").reshape(-1, 2)[:, 0].astype(np.uint64)


class FirstSeenIndex:
    """The runs of one sensor. `folder` is relative to the store, as paths in the manifest are."""

    def __init__(self, store: Path, folder: str, runs: Iterable[str]) -> None:
        self._store, self._folder = store, folder
        self.runs = list(runs)
        self._maps = [self._open(run) for run in self.runs]
        self._seed = np.uint64(secrets.randbits(64) | 1)
        self._begin_table(1 << 12)

    def _begin_table(self, capacity: int) -> None:
        self._rows = np.empty((capacity, 2), np.uint64)
        self._slots = np.zeros(2 * capacity, np.int32)
        self._count = np.zeros(1, np.int64)

    def _make_room(self, more: int) -> None:
        count = int(self._count[0])
        if count + more <= len(self._rows):
            return
        rows = self._rows[:count]
        self._begin_table(1 << (2 * (count + more) - 1).bit_length())
        earliest = rows[:, 1].copy()
        none = np.zeros(count, np.bool_)
        look_up_or_add(rows[:, 0].copy(), earliest, none, self._rows, self._slots, self._count, self._seed)

    def _open(self, run: str) -> Array:
        # Our own files, written whole before they are named and never changed after: mapping them is safe.
        refuse_links([self._store / run])
        try:
            mapped: Array = np.load(self._store / run, mmap_mode="r")
        except (ValueError, EOFError) as error:
            raise ValueError(f"{self._store / run} is damaged: {error}") from None
        if mapped.dtype != np.uint64 or mapped.ndim != 2 or mapped.shape[1] != 2:
            raise ValueError(f"{self._store / run}: found {mapped.dtype} {mapped.shape}, expected uint64 (n, 2)")
        return mapped

    def first_seen(self, signatures: Array, arrivals: Array) -> Array:
        """The first arrival ever of each signature ((n, 16) octets), given these arrivals (microseconds).

        Remembers unknown ones, and those that were seen earlier than known, until `seal` makes a run of them.
        """
        keys = first_half(signatures)
        earliest = arrivals.astype(np.uint64)
        known = np.zeros(len(keys), np.bool_)
        for run in self._maps:
            at = np.searchsorted(run[:, 0], keys)
            at[at == len(run)] = 0
            found = run[at, 0] == keys
            runs_own = run[at[found], 1]
            known[found] |= runs_own <= earliest[found]
            earliest[found] = np.minimum(earliest[found], runs_own)
        self._make_room(len(keys))
        look_up_or_add(keys, earliest, known, self._rows, self._slots, self._count, self._seed)
        return earliest.astype(np.int64)

    def seal(self) -> tuple[dict[str, dict[str, int]], list[str]]:
        """Write new rows as a run, merge runs: (runs to add to the manifest, runs to drop)."""
        added: dict[str, dict[str, int]] = {}
        dropped: list[str] = []
        if self._count[0]:
            self._add([_sorted(self._rows[: self._count[0]])], added)
            self._begin_table(1 << 12)
        while like := self._like_size():
            self._add(_merged([self._maps[index] for index in like]), added)
            for index in reversed(like):
                if added.pop(self.runs[index], None) is None:
                    dropped.append(self.runs[index])
                else:
                    (self._store / self.runs[index]).unlink()
                del self.runs[index], self._maps[index]
        return added, dropped

    def _like_size(self) -> list[int]:
        """MERGE_RUNS runs whose lengths have as many octal digits; none where there are fewer.

        Always merging the smallest would rewrite one growing run at every eighth checkpoint.
        """
        sizes: dict[int, list[int]] = defaultdict(list)
        for index, run in enumerate(self._maps):
            sizes[(len(run).bit_length() + 2) // 3].append(index)
        return next((sizes[size] for size in sorted(sizes) if len(sizes[size]) >= MERGE_RUNS), [])

    def _add(self, pieces: Iterable[Array], added: dict[str, dict[str, int]]) -> None:
        # Written, not mapped: on a full disk a write raises, but a mapped page kills the process.
        path = f"{self._folder}/{uuid.uuid4().hex}.npy"
        place = self._store / path
        make_folder(place.parent)
        try:
            with naming(place), place.open("wb") as file:
                _write_header(file, 0)
                rows = 0
                for piece in pieces:
                    file.write(piece.astype("<u8").tobytes())
                    rows += len(piece)
                file.seek(0)
                _write_header(file, rows)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(place.parent)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        added[path] = sizes_of(place, rows)
        self.runs.append(path)
        self._maps.append(self._open(path))


def _write_header(file: BinaryIO, rows: int) -> None:
    """The header of an .npy file of (rows, 2) uint64; NumPy pads it to one length whatever `rows` is."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<u8", "fortran_order": False, "shape": (rows, 2)})


def _merged(runs: list[Array]) -> Iterator[Array]:
    """All rows in order, in 256 pieces by the first octet: only a 256th of them is sorted at once."""
    edges = np.arange(1, 256, dtype=np.uint64) << np.uint64(56)
    cuts = [np.r_[0, np.searchsorted(run[:, 0], edges), len(run)] for run in runs]
    for step in range(256):
        pieces = [run[cut[step] : cut[step + 1]] for run, cut in zip(runs, cuts, strict=True)]
        yield _sorted(np.concatenate(pieces))


def _sorted(rows: Array) -> Array:
    """Sorted by signature, one row each, with the earliest arrival."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    first = np.ones(len(rows), np.bool_)
    first[1:] = rows[1:, 0] != rows[:-1, 0]
    return rows[first]
