"""Parts of a plan give the rows that they say: of an expression, of totals, of what is distinct."""

from __future__ import annotations

from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pytest

from ims.query.engines.sql_compiler import to_sql
from ims.query.plans.part import Members, Rows, Totals

ROWS = [(1, "a"), (1, "a"), (2, "a"), (None, "a"), (2, "b"), (None, "b"), (3, None)]
TABLE = pa.table({"source": pa.array([row[0] for row in ROWS], pa.uint32()), "key": [row[1] for row in ROWS]})
PACKETS = ibis.table(ibis.Schema.from_pyarrow(TABLE.schema), name="packets")


def rows_of(expression: Any) -> list[tuple[Any, ...]]:
    """What DuckDB answers."""
    with duckdb.connect() as connection:
        connection.register("packets", TABLE)
        return sorted(connection.sql(to_sql(expression)).fetchall(), key=repr)


def in_order(rows: Any) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


def test_rows_are_those_of_the_expression_itself() -> None:
    chosen = PACKETS.filter(PACKETS.source == 2)
    assert Rows(chosen).expression is chosen
    assert rows_of(Rows(chosen).expression) == [(2, "a"), (2, "b")]


def test_totals_are_one_row_in_the_order_of_their_names() -> None:
    totals = Totals(PACKETS, {"many": PACKETS.count(), "highest": PACKETS.source.max()})
    assert rows_of(totals.expression) == [(7, 3)]
    assert totals.expression.columns == ("many", "highest")
    none = PACKETS.filter(PACKETS.source == 9)
    assert rows_of(Totals(none, {"many": none.count()}).expression) == [(0,)]


@pytest.mark.parametrize("may_lack", [False, True])
@pytest.mark.parametrize("keys", [(), ("key",)])
def test_members_are_each_there_once_for_each_group(keys: tuple[str, ...], may_lack: bool) -> None:
    """Nulls are members too, but where rows may have none."""
    members = Members(PACKETS, "source", keys, may_lack)
    plain = [(key, source) if keys else (source,) for source, key in ROWS if not may_lack or source is not None]
    assert rows_of(members.rows) == in_order(plain)
    assert rows_of(members.expression) == in_order(set(plain))
    assert members.expression.columns == (*keys, "member")


def test_a_part_cannot_be_changed_under_a_reader() -> None:
    with pytest.raises(AttributeError):
        Members(PACKETS, "source").column = "key"  # type: ignore[misc]
