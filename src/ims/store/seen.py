"""What was ever seen: for each payload signature of a sensor, its first arrival, days gone by included.

A series of sorted runs on disk, each an (n, 2) array of uint64: the signature's first half, big-endian, and the
first arrival in microseconds. Half a signature is enough: chance makes two of 100 million payloads share one once in
3,700 stores, and who wants his own payload to look old can as well send it early. A run is written once and never
changed; runs are merged range by range, so memory stays bounded whatever a telescope has seen in its years.
"""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ims.store.seen_table import look_up_or_add

Array = np.ndarray[Any, Any]
MERGE_RUNS = 8


def first_half(signatures: Array) -> Array:
    """(n, 16) octets as n uint64 that sort as the octets do."""
    return np.ascontiguousarray(signatures).view(">u8").reshape(-1, 2)[:, 0].astype(np.uint64)


class Seen:
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
        look_up_or_add(rows[:, 0].copy(), earliest, self._rows, self._slots, self._count, self._seed)

    def _open(self, run: str) -> Array:
        # Our own files, written whole before they are named and never changed after: mapping them is safe.
        mapped: Array = np.load(self._store / run, mmap_mode="r")
        return mapped

    def first_seen(self, signatures: Array, arrivals: Array) -> Array:
        """The first arrival ever of each signature ((n, 16) octets), given these arrivals (microseconds).

        Remembers those that were unknown, or seen earlier than known, until `seal` makes a run of them.
        """
        keys = first_half(signatures)
        earliest = arrivals.astype(np.uint64)
        for run in self._maps:
            at = np.searchsorted(run[:, 0], keys)
            at[at == len(run)] = 0
            found = run[at, 0] == keys
            earliest[found] = np.minimum(earliest[found], run[at[found], 1])
        self._make_room(len(keys))
        look_up_or_add(keys, earliest, self._rows, self._slots, self._count, self._seed)
        return earliest.astype(np.int64)

    def seal(self) -> tuple[dict[str, dict[str, int]], list[str]]:
        """Write what is fresh as a run, merge small ones: (runs to add to the manifest, runs to drop)."""
        added: dict[str, dict[str, int]] = {}
        dropped: list[str] = []
        if self._count[0]:
            self._add(_sorted(self._rows[: self._count[0]]), added)
            self._begin_table(1 << 12)
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
            scratch, mode="w+", dtype=np.uint64, shape=(sum(len(run) for run in runs), 2)
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
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    first = np.ones(len(rows), np.bool_)
    first[1:] = rows[1:, 0] != rows[:-1, 0]
    return rows[first]
