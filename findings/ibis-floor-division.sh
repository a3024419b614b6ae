#!/usr/bin/env bash
# Ibis 12.0.0: // of two int64 columns or literals is compiled as CAST(FLOOR(a / b) AS BIGINT), a division of floating-point numbers, for DuckDB, Spark and six
# more. From 2^53 on results are wrong, without an error: the last nanosecond of a second, 1772582400999999999 // 1000000, is in the next millisecond, and
# by 1000000000 in the next second, where DuckDB's own // and Python's agree on the right one. Microseconds since 1970 are below 2^53, and right; nanoseconds,
# as in pcap files, aren't, nor is a time to which an offset was added so that it isn't negative. a - a % b is exact, as % is compiled as it is.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check "ibis-framework[duckdb]==12.0.0" duckdb==2.0.1
env/bin/python - <<'PY'
import sys

import duckdb
import ibis

NS, US = 1_772_582_400_999_999_999, 1_772_582_400_999_999
table = ibis.table({"time": "int64"}, name="times")
changed = False


def seen(what, found, then):
    global changed
    changed |= found != then
    print(f"{'seen' if found == then else 'changed'}: {what}: {found}" + ("" if found == then else f"; was {then}"))


def asked(value, sql):
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE times AS SELECT {value}::BIGINT AS time")
    return connection.execute(sql).fetchone()[0]


print("ibis", ibis.__version__, "duckdb", duckdb.__version__)
for name, value, width in (("ns // 1 ms", NS, 10**6), ("ns // 1 s", NS, 10**9), ("us // 1 ms", US, 10**3), ("us // 1 s", US, 10**6)):
    divided = ibis.to_sql(table.select(found=table.time // width), dialect="duckdb")
    begin = ibis.to_sql(table.select(found=table.time - table.time % width), dialect="duckdb")
    right = value // width
    seen(f"{name}, Ibis less Python", asked(value, divided) - right, int(value == NS))
    seen(f"{name}, DuckDB's // less Python", asked(value, f"SELECT time // {width} FROM times") - right, 0)
    seen(f"{name}, t - t % width in Ibis less Python", asked(value, begin) - right * width, 0)
dialects = ("duckdb", "pyspark", "postgres", "sqlite", "trino", "clickhouse", "mysql", "snowflake")
floors = [each for each in dialects if "FLOOR(" in str(ibis.to_sql(table.select(found=table.time // 1000), dialect=each))]
seen("compiled with FLOOR and /", floors, list(dialects))
sys.exit(changed)
PY
