"""What the first half of a plan gives: named parts, each described once. Engines run a part's `expression`, or take a
cheaper way to the same rows where they know one of its kind (part_reader.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MARKS_PART = ".marks"
"""Ends the name of a part that stands beside one of addresses: dense ones of the same column, a bit each."""
Table = Any  # ibis.Table: Ibis is untyped to us


@dataclass(frozen=True)
class Rows:
    """The rows of an expression."""

    expression: Table


@dataclass(frozen=True)
class Totals:
    """One row: aggregates of a table."""

    table: Table
    values: Mapping[str, Any]

    @property
    def expression(self) -> Table:
        """The row."""
        return self.table.agg(**self.values)


@dataclass(frozen=True)
class Members:
    """The distinct values of a column of a table, as `member`, for each value of the columns `keys`. `may_lack`:
    whether rows may have none, and are left out then."""

    table: Table
    column: str
    keys: tuple[str, ...] = ()
    may_lack: bool = False

    @property
    def rows(self) -> Table:
        """Them, with all their repeats."""
        table = self.table.filter(self.table[self.column].notnull()) if self.may_lack else self.table
        return table.select(*self.keys, member=table[self.column])

    @property
    def expression(self) -> Table:
        """Them, each once."""
        return self.rows.distinct()


Part = Rows | Totals | Members
Parts = dict[str, Part]
