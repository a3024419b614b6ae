"""Ways to make parts of a look's rows: as they come, a row of totals with distinct values, and addresses with repeats.

Of addresses by a group see pair_ways.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from ims.query.plans.part import MARKS_PART

Found = Iterator[tuple[str, pa.Schema, Iterator[pa.RecordBatch]]]
"""Parts as streams of batches: finish one before the next."""


@dataclass(frozen=True)
class AsTheyCome:
    """The rows are the part."""

    name: str


@dataclass(frozen=True)
class TotalsAndMembers:
    """One row: totals, and last a list of a column's distinct values."""

    totals: str
    members: str

    def found(self, batches: Iterable[pa.RecordBatch]) -> Found:
        """The two parts."""
        from ims.query.distinct.address_set import totals_and_members

        return totals_and_members(self.totals, self.members, batches)


@dataclass(frozen=True)
class Addresses:
    """Columns of addresses with all repeats, each a part of its own."""

    names: tuple[str, ...]

    def found(self, batches: Iterable[pa.RecordBatch], memory: int, marks: bool = False) -> Found:
        """The parts; with `marks`, dense addresses in parts beside them. Raises OverflowError where one column's
        addresses need more than `memory` octets."""
        from ims.query.distinct import address_set

        most = memory // address_set.OCTETS_OF_AN_ADDRESS
        columns = address_set.distinct_addresses(batches, len(self.names), most)
        for name, addresses in zip(self.names, columns, strict=True):
            dense = addresses.dense() if marks else {}
            yield name, address_set.MEMBERS, address_set.as_batches(addresses.all())
            if marks:
                yield f"{name}{MARKS_PART}", address_set.MARKED, address_set.as_marks(dense)
