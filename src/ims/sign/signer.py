"""Signs batch after batch: the cache, the batch's distinct signatures, and what happens when the cache is full."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.sign.batch import FOUND, HITS, SAME_MD5, UNCACHED, BatchSignatures, FoundArrays, days_of, sign_batch
from ims.sign.cache import Cache

Array = np.ndarray[Any, Any]


class Found(NamedTuple):
    """New payloads of one call, in row order."""

    rows: Array  # int64: rows of the batch
    uncached: Array  # bool: the cache was full (or had no place for the day), so it may have come before, and may again
    same_md5: Array  # bool: another payload of the day has this MD5; the row's packet is marked raw
    hits: int  # rows whose payload was known


class Signer:
    """Signs the rows of batches; one thread at a time.

    `begin_batch` for each batch, then `sign` for each of its parts (a part's payloads lie in one buffer).
    Days that `missing_days` gives should be loaded into the cache first, if the store knows them.
    """

    def __init__(self, cache: Cache, rows: int) -> None:
        """`rows`: the capacity of batches."""
        self.cache = cache
        words, entry = np.empty((rows, 2), np.uint64), np.empty(rows, np.int32)
        self._signatures = BatchSignatures(words, entry, np.zeros(1, np.int64))
        self._renumbered = cache.renumbered
        self._found = FoundArrays(np.empty(rows, np.int64), np.empty(rows, np.uint8), np.zeros(2, np.int64))

    def load_kernels(self, octets: Array, batch: Any) -> None:
        """Sign no rows, so that the first ones needn't wait for the kernel."""
        days_of(batch, 0, 0)
        sign_batch(octets, batch, 0, 0, self.cache.arrays, self._signatures, self._found, True)

    def begin_batch(self) -> None:
        """Forget the last batch's signatures."""
        self._signatures.used[0] = 0

    @property
    def signatures(self) -> Array:
        """uint8 (count, 16): the batch's signatures, which `signature_entry` indexes; a view, valid until begin_batch.
        Distinct, except those of payloads that weren't cached."""
        return self._signatures.words[: self._signatures.used[0]].view(np.uint8)

    def missing_days(self, batch: Any, first: int, last: int) -> list[int]:
        """UTC days of the rows' payloads that the cache doesn't know."""
        known = self.cache.days
        return [day for day in days_of(batch, first, last) if day not in known]

    def sign(self, octets: Array, batch: Any, first: int, last: int, enter_new: bool = True) -> Found:
        """Sign rows first to last - 1, whose payloads lie in `octets`. `enter_new` False: new payloads aren't
        entered, for they won't be kept.

        A full cache forgets days that these rows don't have; if that gives no room, new payloads are signed without
        being entered. Raises ValueError where a payload lies outside `octets`, leaving the rows from there on
        unsigned; and before anything is done where the rows don't fit the batch.
        """
        signatures, found = self._signatures, self._found
        if not 0 <= first <= last <= len(batch.time):
            raise ValueError(f"rows {first} to {last} of a batch of {len(batch.time)}")
        if signatures.used[0] + last - first > len(signatures.entry):
            raise ValueError(
                f"{signatures.used[0]} signatures and {last - first} more rows; "
                f"expected at most {len(signatures.entry)} in one batch"
            )
        days = days_of(batch, first, last)
        self.cache.admit(days)
        found.counts[:] = 0
        row = first
        while row < last:
            if self._renumbered != self.cache.renumbered:  # entries of the batch's signatures are no longer right
                self._signatures.entry[:] = -1
                self._renumbered = self.cache.renumbered
            row = int(sign_batch(octets, batch, row, last, self.cache.arrays, signatures, found, enter_new))
            if row < 0:
                raise ValueError(f"the payload of row {-1 - row} lies outside the {octets.size} octets of its buffer")
            if row < last:
                enter_new = self.cache.make_room(days)
        new = int(found.counts[FOUND])
        kinds = found.kinds[:new]
        return Found(found.rows[:new].copy(), kinds & UNCACHED != 0, kinds & SAME_MD5 != 0, int(found.counts[HITS]))
