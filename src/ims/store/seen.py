"""What was ever seen: for each payload signature of a sensor, its first arrival, days gone by included.

A series of sorted runs on disk, each an (n, 3) array of uint64: the signature's two halves, big-endian, and the
first arrival in microseconds. A run is written once and never changed; runs of like size are merged, range by
range, so memory stays bounded whatever a telescope has seen in its years.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
MERGE_RUNS = 8


def halves(signatures: Array) -> Array:
    """(n, 16) octets as (n, 2) uint64 that sort as the octets do."""
    return np.ascontiguousarray(signatures).view(">u8").astype(np.uint64)


class Seen:
    """The runs of one sensor. `folder` is relative to the store, as paths in the manifest are."""

    def __init__(self, store: Path, folder: str, runs: Iterable[str]) -> None:
        self._store, self._folder = store, folder
        self.runs = list(runs)
        self._maps = [self._open(run) for run in self.runs]
        self._fresh: list[Array] = []

    def _open(self, run: str) -> Array:
        # Our own files, written whole before they are named and never changed after: mapping them is safe.
        mapped: Array = np.load(self._store / run, mmap_mode="r")
        return mapped

    def first_seen(self, signatures: Array, arrivals: Array) -> Array:
        """The first arrival ever of each signature ((n, 16) octets), given these arrivals (microseconds).

        Remembers the arrivals of signatures that were unknown, until `seal` makes a run of them.
        """
        keys = halves(signatures)
        earliest = arrivals.astype(np.int64).copy()
        unknown = np.ones(len(keys), np.bool_)
        for run in [*self._maps, *self._fresh]:
            at = np.searchsorted(run[:, 0], keys[:, 0])
            open_rows = np.flatnonzero(at < len(run))
            while len(open_rows):
                rows = run[at[open_rows]]
                same_half = rows[:, 0] == keys[open_rows, 0]
                found = same_half & (rows[:, 1] == keys[open_rows, 1])
                hit = open_rows[found]
                earliest[hit] = np.minimum(earliest[hit], rows[found, 2].astype(np.int64))
                unknown[hit] = False
                open_rows = open_rows[same_half & ~found]
                at[open_rows] += 1
                open_rows = open_rows[at[open_rows] < len(run)]
        if unknown.any():
            fresh = np.column_stack([keys[unknown], earliest[unknown].astype(np.uint64)])
            self._fresh.append(_sorted(fresh))
            if len(self._fresh) >= MERGE_RUNS:
                self._fresh = [_sorted(np.concatenate(self._fresh))]
        return earliest

    def seal(self) -> tuple[dict[str, dict[str, int]], list[str]]:
        """Write what is fresh as a run, merge small ones: (runs to add to the manifest, runs to drop)."""
        added: dict[str, dict[str, int]] = {}
        dropped: list[str] = []
        if self._fresh:
            self._add(_sorted(np.concatenate(self._fresh)), added)
            self._fresh = []
        while len(self.runs) > MERGE_RUNS:
            small = sorted(range(len(self.runs)), key=lambda index: len(self._maps[index]))[:MERGE_RUNS]
            merged = self._merge([self._maps[index] for index in small])
            for index in sorted(small, reverse=True):
                if added.pop(self.runs[index], None) is None:
                    dropped.append(self.runs[index])
                else:
                    (self._store / self.runs[index]).unlink()
                del self.runs[index], self._maps[index]
            self._add(merged, added)
        return added, dropped

    def _add(self, rows: Array, added: dict[str, dict[str, int]]) -> None:
        path = f"{self._folder}/{uuid.uuid4().hex}.npy"
        (self._store / path).parent.mkdir(parents=True, exist_ok=True)
        with (self._store / path).open("wb") as file:
            np.save(file, rows)
            file.flush()
            os.fsync(file.fileno())
            added[path] = {"rows": len(rows), "bytes": file.tell()}
        self.runs.append(path)
        self._maps.append(self._open(path))

    def _merge(self, runs: list[Array]) -> Array:
        # 256 ranges of the first octet: never more than a 256th of all rows is sorted at once. The result is
        # a mapped scratch file, so it needs no memory of its own either.
        scratch = self._store / self._folder / f".merge-{uuid.uuid4().hex}"
        merged = np.lib.format.open_memmap(
            scratch, mode="w+", dtype=np.uint64, shape=(sum(len(run) for run in runs), 3)
        )
        scratch.unlink()
        edges = np.arange(1, 256, dtype=np.uint64) << np.uint64(56)
        cuts = [np.r_[0, np.searchsorted(run[:, 0], edges), len(run)] for run in runs]
        end = 0
        for step in range(256):
            pieces = [run[cut[step] : cut[step + 1]] for run, cut in zip(runs, cuts, strict=True)]
            rows = _sorted(np.concatenate(pieces))
            merged[end : end + len(rows)] = rows
            end += len(rows)
        return merged[:end]


def _sorted(rows: Array) -> Array:
    """Sorted by signature, one row each, with the earliest arrival."""
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:, :2] != rows[:-1, :2]).any(axis=1)
    return rows[first]
