"""An engine over a lake gives what the lake's files hold, in a folder and in a bucket, and reads nothing else."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest
from pyarrow import dataset

from ims.lake.config import checked_lake
from ims.lake.engines import BucketEngine, SparkFiles, _with_bucket, engine_of, seen_by
from ims.lake.lake import open_lake
from ims.lake.uri import open_place
from ims.query.engines.duckdb import Engine
from ims.query.question import Question
from ims.query.request import make_request
from tests.lake.shipped import ROWS, ship, watched
from tests.store.made import HOUR, NOON

DUCKDB = checked_lake({"memory": "256M", "threads": 1})
SPARK = checked_lake({"engine": "spark", "spark": {"properties": {"spark.hadoop.fs.s3a.endpoint.region": "mine"}}})


@pytest.fixture
def lake(tmp_path, uri):
    watched(tmp_path / "store", 3)
    ship(tmp_path / "store", uri)
    with open_lake(uri) as opened:
        yield opened


def asked(engine, filter=None, **range):
    question = Question(plan="count", request=make_request("count", filter, **range))
    return engine.run(question.as_plan(), question.request).to_pylist()[0]["packets"]


def test_where_a_lake_lies_decides_which_engine_reads_it(lake):
    engine = engine_of(lake, DUCKDB)
    assert type(engine) is (BucketEngine if lake.uri.startswith("s3:") else Engine)
    engine.close()


def test_rows_are_those_of_the_lake_s_files(lake):
    engine = engine_of(lake, DUCKDB)
    rows = dataset.dataset([str(path) for path in lake.files("packets")], filesystem=lake.filesystem).to_table()
    assert asked(engine) == rows.num_rows == 3 * ROWS
    since, until = (NOON + HOUR) / 1e6, (NOON + 2 * HOUR) / 1e6
    assert asked(engine, since=since, until=until) == ROWS
    assert asked(engine, "src host 0.0.0.5") == 1
    assert asked(engine, since=NOON / 1e6 - 7200, until=NOON / 1e6 - 3600) == 0  # of no file
    engine.close()


def test_a_view_without_a_sensor_has_none_of_its_rows_in_parts_either(lake):
    engine = engine_of(lake, DUCKDB)
    question = Question(plan="count", request=make_request("count", None))
    for view, packets in ((lake, 3 * ROWS), (lake.without(["a"]), 0), (lake.as_of({"a": 0}), 0)):
        parts = [rows for _, rows in engine.partial(seen_by(view, DUCKDB), question.as_plan(), question.request)]
        counted = [rows.column("packets").to_pylist() for rows in parts if "packets" in rows.column_names]
        assert sum(sum(column) for column in counted) == packets
    engine.close()


def test_a_page_that_was_altered_is_an_error_and_no_answer(lake):
    engine, place = engine_of(lake, DUCKDB), open_place(lake.uri)
    name = place.names("packets")[0]
    octets = bytearray(place.read(name, 1 << 20))
    group = pq.ParquetFile(io.BytesIO(octets)).metadata.row_group(0)
    column = next(column for column in map(group.column, range(group.num_columns)) if column.path_in_schema == "source")
    octets[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    place.write(name, bytes(octets))
    with pytest.raises(Exception, match=r"(?i)crc|checksum|damaged|corrupt"):
        asked(engine, "src host 0.0.0.1")
    engine.close()


def test_spark_names_files_by_their_path_or_as_s3a(lake):
    files = seen_by(lake, SPARK)
    assert isinstance(files, SparkFiles)
    assert seen_by(lake, DUCKDB) is lake
    found, own = files.files("packets", NOON, NOON + HOUR), lake.files("packets", NOON, NOON + HOUR)
    assert len(found) == len(own) == 1
    begin = "s3a://" if lake.uri.startswith("s3:") else ""
    assert str(found[0]) == f"{begin}{own[0]}"
    assert str(found[0]).startswith(f"{files.path}/packets/")


def test_spark_is_told_where_the_bucket_is_and_settings_go_before(bucket_uri, s3_server, tmp_path):
    watched(tmp_path / "store", 1)
    ship(tmp_path / "store", bucket_uri)
    with open_lake(bucket_uri) as lake:
        properties = _with_bucket(SPARK, lake).properties
    assert properties["spark.hadoop.fs.s3a.endpoint"] == s3_server
    assert properties["spark.hadoop.fs.s3a.endpoint.region"] == "mine"
    (tmp_path / "store/_state/sensor=a/shipped.json").unlink()
    ship(tmp_path / "store", tmp_path / "lake")
    with open_lake(tmp_path / "lake") as lake:
        assert _with_bucket(SPARK, lake) is SPARK.spark
