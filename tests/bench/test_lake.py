"""The lake that the benchmark asks is one: laid as a store, with the rows asked for, and distinguished by size."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from benchmarks.lake import HOURS, QUESTIONS, SENSORS, Laid, build, costs, crossing, growth

from ims.query.engines.duckdb import Engine
from ims.query.plans.plan import PLANS
from ims.query.request import make_request
from ims.store.schema import part_of, stored_schema


def test_it_has_the_rows_asked_for_in_the_store_s_layout(tmp_path: Path) -> None:
    size = build(tmp_path, 10_007)
    lake = Laid(tmp_path)
    files = lake.files("packets")
    assert len(files) == SENSORS * HOURS
    assert size == sum(file.stat().st_size for file in files)
    for file in files[::7]:
        hour = int(file.parent.name.removeprefix("hour="))
        table = pq.ParquetFile(file).read()
        assert table.schema.equals(stored_schema("packets"))
        assert {time.hour for time in table.column("time").to_pylist()} == {hour}
    engine = Engine([lake])
    [row] = engine.run(PLANS["count"], make_request("count", None)).to_pylist()
    assert row["packets"] == 10_007
    assert row["sources"] > 500
    assert 500 < row["payloads"] < 1500
    found = engine.run(PLANS["series"], make_request("series", None, bin="5m"))
    assert found.num_rows == 24 * 12
    engine.close()


def test_files_are_named_as_a_store_names_them(tmp_path: Path) -> None:
    build(tmp_path, 100)
    [file, *_] = Laid(tmp_path).files("packets")
    name = file.relative_to(tmp_path).parent / ("0" * 32 + ".parquet")
    assert part_of(str(name)) is not None


def test_what_is_said_follows_from_the_figures() -> None:
    sizes = (10, 100)
    found = {(name, engine, size): 1.0 for name in QUESTIONS for engine in ("DuckDB", "Spark") for size in sizes}
    found["count", "DuckDB", 100], found["count", "Spark", 100] = 20.0, 10.0
    assert costs(found, sizes)[0] == ["count", "DuckDB", "1", "20", "1e+08", "2e+08"]
    assert [row[-1] for row in growth(found, sizes)][:3] == ["MISSED", "met", "met"]
    assert crossing(found, "count", sizes) == "count: Spark is faster with 100 rows."
    assert crossing(found, "top ports", sizes).endswith("nowhere faster; with 100 rows it takes 1.0 times as long.")
