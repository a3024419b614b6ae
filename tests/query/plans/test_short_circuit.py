"""What is said of packets that lack octets stays small, however a filter is nested, and is never null."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from ims.query.engines.sql_compiler import to_sql
from ims.query.language.filter import parse
from ims.query.plans.predicate import predicate
from ims.query.plans.tables import described_as, empty

PACKETS = described_as("packets", empty("packets").schema)


def sql(text: str) -> str:
    return to_sql(PACKETS.select(taken=predicate(parse(text, 1 << 20), PACKETS)))


def nested(levels: int) -> str:
    found = "tcp[13] = 2"
    for n in range(levels):
        found = f"not ({found} or udp[4:2] = {n}) and icmp[0] != {n}"
    return found


def test_nesting_in_turns_makes_a_filter_no_longer_than_its_conditions() -> None:
    """Spelt out it would double with each level."""
    few, many = len(sql(nested(7))), len(sql(nested(14)))
    assert many < 4 * few  # indented, so a little more than twice


def test_five_hundred_conditions_are_compiled_and_run() -> None:
    text = " or ".join(f"tcp[13] = {n} or host 10.0.0.{n}" for n in range(250))
    with duckdb.connect() as connection:
        connection.register("packets", empty("packets"))
        assert connection.sql(sql(text)).fetchall() == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("not (src host 10.0.0.1 or proto 47)", True),
        ("port 80 or port 443 or tcp[13] = 2", True),
        ("tcp dst port 80 and tcp[13] & 2 != 0 and not udp", True),
        ("port 80 or host 10.0.0.1", False),
        ("not port 80", False),
    ],
)
def test_what_cannot_be_missing_or_is_proved_there_is_not_asked_for(text: str, plain: bool) -> None:
    """`ip_fragment` and `protocol in` stand only where it must be known why ports are null."""
    assert ("IN (6, 17, 132)" in sql(text)) != plain


def test_it_is_true_or_false_of_rows_that_are_null_all_over() -> None:
    texts = [
        "not (tcp[13] = 2) or ip[8] = 64",
        "not port 80",
        nested(3),
        "ip[8] / ip[1] = 1",
        "not (tcp and udp[4:2] = 1)",
    ]
    columns = {f"f{n}": predicate(parse(text), PACKETS) for n, text in enumerate(texts)}
    row = {
        "protocol": 6,
        "ip_fragment": 0,
        "ttl": 64,
        "tos": 0,
        "truncated": True,
        "total_length": 40,
        "payload_length": 0,
    }
    values = ", ".join(
        f"CAST({row.get(name, 'NULL')} AS {kind}) AS {name}"
        for name, kind in zip(PACKETS.columns, map(_kind, PACKETS.schema().types), strict=True)
    )
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE packets AS SELECT {values}")
        found = connection.sql(to_sql(PACKETS.select(**columns))).fetchall()
    assert found == [(False, False, False, False, True)]


def _kind(kind: Any) -> str:
    for name, is_it in (
        ("TIMESTAMPTZ", kind.is_timestamp()),
        ("BLOB", kind.is_binary()),
        ("VARCHAR", kind.is_string()),
    ):
        if is_it:
            return name
    return "BOOLEAN" if kind.is_boolean() else "BIGINT"
