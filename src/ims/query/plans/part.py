"""Named parts: the result of a plan's first half. Engines run `expression`, or a cheaper way (part_reader.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARKS_PART = ".marks"
"""Suffix of a part beside one of addresses: dense addresses of the same column, a bit each."""
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
    """A column's distinct values, as `member`, by the columns `keys`. `may_lack`: it has nulls, which are left out."""

    table: Table
    column: str
    keys: tuple[str, ...] = ()
    may_lack: bool = False

    @property
    def rows(self) -> Table:
        """The values with all repeats."""
        table = self.table.filter(self.table[self.column].notnull()) if self.may_lack else self.table
        return table.select(*self.keys, member=table[self.column])

    @property
    def expression(self) -> Table:
        """The values, each once."""
        return self.rows.distinct()


@dataclass(frozen=True)
class Near:
    """How packets of each source are spread over blocks, by nearness (distinct/near_totals.py). `names`: one row, lists
    of `sensors` and `blocks`; `rows`: their places there (from 1 on), `source` and `destination`. `expression`: the
    totals."""

    names: Table
    rows: Table
    expression: Table


@dataclass(frozen=True)
class Chosen:
    """Distinct pairs of one of the values `chosen`, as `key`, and an address, as `other`. `rows`: the value's place
    among these (`number`, from 0 on) and the address (`member`), with all repeats."""

    chosen: Sequence[Any]
    rows: Table
    expression: Table


Part = Rows | Totals | Members | Near | Chosen
Parts = dict[str, Part]
