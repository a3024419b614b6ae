"""SQL of questions is kept by their shape: it holds neither times nor filters, and the database runs it over any files."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ims.query.engines.part_ways import AsTheyCome
from ims.query.engines.sql_cache import (
    MARKED_PACKETS,
    SELECTED,
    TABLES,
    filtered,
    half,
    marking,
    merged,
    part_table,
    without_range,
)
from ims.query.language.filter import parse
from ims.query.language.syntax_tree import HIDING, And
from ims.query.plans.tables import empty
from ims.query.question import Question, about
from ims.query.request import make_request

SECRET = {"since": "2026-03-04T05:06:07", "until": "2026-03-05"}


def asked(verb: Any, filter: str | None = None, **words: Any) -> Question:
    return Question(plan=verb, request=make_request(verb, filter, **words))


@pytest.mark.parametrize(
    ("verb", "words"), [("count", {}), ("series", {"bin": "5m"}), ("top", {"group": "/8"}), ("packets", {})]
)
def test_neither_a_range_nor_a_filter_changes_the_text(verb: Any, words: dict[str, Any]) -> None:
    plain = half(asked(verb, **words))
    assert half(asked(verb, "udp dst port 1434", **SECRET, **words)) is plain
    text = "".join(look.sql for look in plain)
    assert SELECTED in text and TABLES["packets"] not in text


def test_a_range_stands_in_what_looks_at_the_range_itself() -> None:
    """Coverage has no view that is limited to it."""
    [whole], [some] = half(asked("coverage")), half(asked("coverage", **SECRET))
    assert whole.sql != some.sql
    assert str(make_request("coverage", None, **SECRET).since) in some.sql
    request = without_range(asked("count", "tcp", **SECRET))
    assert (request.since, request.until, request.filter) == (None, None, None)


def test_what_is_asked_about_stands_in_the_halves_alone() -> None:
    request = make_request("payloads", None)
    one, other = (about("spread", request, "signature", [bytes([n]) * 16], "source") for n in (1, 2))
    schemas = {"values": pa.schema([("key", pa.binary()), ("other", pa.uint32()), ("packets", pa.int64())])}
    assert half(one)[0].sql != half(other)[0].sql
    assert merged(one, schemas) is merged(other, schemas)
    assert part_table("values") in merged(one, schemas)


@pytest.mark.parametrize("text", ["tcp dst port 80", "payload contains 'x' or not net 10", "ttl < 9 and sensor a"])
def test_a_filter_s_text_runs_over_the_names_of_tables(text: str) -> None:
    with duckdb.connect() as connection:
        for table, name in TABLES.items():
            connection.register(name, empty(table))
        rows = connection.sql(filtered(parse(text)))
        assert rows.columns == empty("packets").column_names
        connection.execute(f"CREATE TEMP VIEW {SELECTED} AS {filtered(parse(text))}")
        for look in half(asked("count")):
            assert connection.sql(look.sql).columns
    assert filtered(parse(text)) is filtered(parse(text))


def test_of_whoever_may_not_see_sources_the_ranges_stand_apart_from_the_filter() -> None:
    """One text for all of them, and the column that was added is in no answer."""
    tree = And((parse("tcp"), HIDING))
    ranges = ((0x0A00_0000, 0x0AFF_FFFF), (0xC000_0200, 0xC000_02FF))
    sql = filtered(tree)
    assert MARKED_PACKETS in sql and str(ranges[0][0]) not in sql
    rows = {name: [None] for name in empty("packets").column_names}
    rows |= {
        "protocol": [6] * 4,
        "source": [0x0A01_0203, 0xC000_0205, 0xC000_0305, 0x0B00_0000],
        "ip_fragment": [0] * 4,
    }
    table = pa.table(
        {name: values * (4 // len(values)) for name, values in rows.items()}, schema=empty("packets").schema
    )
    with duckdb.connect() as connection:
        connection.register(TABLES["packets"], table)
        connection.register(TABLES["payloads"], empty("payloads"))
        connection.execute(f"CREATE TEMP VIEW {MARKED_PACKETS} AS {marking(ranges)}")
        found = connection.sql(sql)
        assert found.columns == empty("packets").column_names
        assert sorted(found.project("source").fetchall()) == [(0x0B00_0000,), (0xC000_0305,)]


def test_pairs_told_by_kernels_have_the_database_s_way_beside_them() -> None:
    question = asked("series", metric="sources")
    [by_database] = half(question, pairs=False)
    [by_kernels] = half(question, pairs=True)
    assert by_database.way == AsTheyCome("members") and not by_database.instead
    assert by_kernels.instead == (("members", by_database.sql),)
