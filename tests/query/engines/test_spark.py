"""Spark reads every stored column as a type that holds its values. (That it answers as DuckDB does, in
lake/test_spark_same_answer.py.)"""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pytest
from ibis.backends.sql.datatypes import PySparkType

from ims.query.engines.spark import KINDS, _named, unix_micros
from ims.query.engines.sql_compiler import to_sql
from ims.query.language.filter import parse
from ims.query.plans.details import ranked
from ims.query.plans.packets import FRAMES, ROWS, WHOLE_ROWS
from ims.query.plans.plan import PLANS, Tables
from ims.query.plans.tables import empty
from ims.query.request import make_request
from ims.records import TABLES


@pytest.mark.parametrize("table", TABLES)
def test_each_stored_column_has_a_type_in_spark(table: str) -> None:
    for field in empty(table).schema:
        assert field.type in KINDS, field


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_spark_s_type_is_the_one_that_ibis_is_told(kind: pa.DataType) -> None:
    to_ibis, to_spark = KINDS[kind]
    assert PySparkType.from_string(to_spark).copy(nullable=True) == ibis.dtype(to_ibis)


@pytest.mark.parametrize("kind", [pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()], ids=str)
def test_a_signed_type_holds_the_greatest_unsigned_number(kind: pa.DataType) -> None:
    greatest = int(np.iinfo(kind.to_pandas_dtype()).max)
    wider = ibis.dtype(KINDS[kind][0])
    if wider.is_decimal():
        assert 10**wider.precision > greatest and wider.scale == 0
    else:
        assert wider.bounds.upper >= greatest
        assert pa.array([greatest], kind).cast(wider.to_pyarrow()).to_pylist() == [greatest]


@pytest.mark.parametrize(
    "plan", [*PLANS.values(), ROWS, WHOLE_ROWS, FRAMES, ranked("source")], ids=range(len(PLANS) + 4)
)
def test_each_plan_is_compiled_for_spark_with_its_own_word_for_moments(plan: object) -> None:
    """What isn't known to Spark would be found by whoever has a lake."""
    tables = Tables(
        lambda table: ibis.table({f.name: KINDS[f.type][0] for f in empty(table).schema}, name=table), unix_micros
    )
    request = make_request("top", None, group="source/8", since="2026-03-04").model_copy(
        update={"filter": parse("udp")}
    )
    parts = plan.partial(tables, request)  # type: ignore[attr-defined]
    sql = to_sql(plan.merge({n: part.expression for n, part in parts.items()}, request, True), "pyspark")  # type: ignore[attr-defined]
    assert "epoch_us" not in sql.lower()
    assert "unix_micros" in sql.lower()


def test_a_path_is_named_as_hadoop_takes_it() -> None:
    assert _named(Path("/a lake/[a]*#1")) == "file:///a lake/[a]*#1"
    assert _named("s3a://bucket/x") == "s3a://bucket/x"
