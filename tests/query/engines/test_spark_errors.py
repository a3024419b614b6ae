"""Spark's errors in a line of ours: which built-in one, what is said, and that nothing of Spark's is in it."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pytest

pytest.importorskip("pyspark")

from py4j.protocol import Py4JNetworkError
from pyspark.errors import AnalysisException, PySparkException

from ims.query.engines.spark_errors import ENDED, MORE, about, cause_in, plain, silence, spark_errors, unless_gone

STACK = (
    "org.apache.spark.SparkException: Job aborted\n\tat org.apache.spark.Some.run(Some.scala:7)\nCaused by: java.io."
)


def said(text: str, properties: dict[str, str] | None = None) -> BaseException:
    return plain(PySparkException(STACK + text), "Spark can't answer", properties or {})


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("[SPARK_JOB_CANCELLED] Job 3 cancelled part of cancelled job group ims-1", InterruptedError, "given up"),
        ("OutOfMemoryError: Java heap space", MemoryError, "spark.driver.memory"),
        ("Total size of serialized results is bigger than spark.driver.maxResultSize", MemoryError, "memory"),
        ("AccessDeniedException: s3a://bucket", OSError, "the bucket may not be read"),
        ("NoSuchBucket", OSError, "there is no such bucket"),
        ("ClassNotFoundException: Class S3AFileSystem not found", OSError, "can't read buckets without Hadoop's part"),
        ("IOException: No space left on device", OSError, "no space is left where Spark writes"),
        ("ExecutorLostFailure (executor 1 exited)", OSError, "its workers were lost"),
        ("UnknownHostException: nowhere", OSError, "can't be reached"),
        ("something that nobody has seen", OSError, "Spark can't answer; IMS_DEBUG=1"),
    ],
)
def test_what_spark_says_becomes_a_line_of_ours(text: str, kind: type[BaseException], told: str) -> None:
    error = said(text)
    assert type(error) is kind
    assert told in str(error)
    for foreign in ("\n", "\tat ", "Exception", "org.apache", "scala"):
        assert foreign not in str(error)


def test_a_file_that_is_damaged_or_gone_is_named(tmp_path: Path) -> None:
    there = tmp_path / "a b.parquet"
    there.write_bytes(b"no Parquet")
    for named in (f"file:{there}", f"file://{there}", f"file://{tmp_path}/a%20b.parquet"):
        error = said(f"IOException: Encountered error while reading file {named}.")
        assert isinstance(error, OSError) and error.filename == str(there), error
        assert "damaged" in str(error)
    gone = said(f"FileNotFoundException: Path does not exist: file:{tmp_path}/gone.parquet")
    assert isinstance(gone, FileNotFoundError) and gone.filename == str(tmp_path / "gone.parquet")
    in_a_bucket = said("IOException: reading file s3a://bucket/lake/x.parquet failed")
    assert isinstance(in_a_bucket, OSError) and in_a_bucket.filename == "s3://bucket/lake/x.parquet"


def test_the_property_that_is_to_blame_is_named_and_no_other() -> None:
    properties = {"spark.driver.memory": "much", "spark.local.dir": "/proc/none", "spark.cores.max": "1"}
    assert about("Invalid initial heap size: -Xmsmuch", properties) == "spark.driver.memory"
    assert about("Failed to create local dir in /proc/none.", properties) == "spark.local.dir"
    assert about("spark.cores.max is 1 of 11", properties) == "spark.cores.max"
    assert about("much too long: muchness", {"a": "uch"}) == ""
    told = str(said("IOException: Failed to create a temp directory under /proc/none", properties))
    assert told.endswith(f"(look at spark.local.dir){MORE}")
    assert cause_in("nothing that is known") is None


@pytest.mark.parametrize(
    "error", [Py4JNetworkError("Answer from Java side is empty"), ConnectionError(111, "refused"), EOFError()]
)
def test_a_java_that_is_gone_is_said_to_have_ended_or_what_it_said_last(error: Exception) -> None:
    with pytest.raises(OSError, match=rf"^can't: {ENDED}$") as raised, spark_errors("can't"):
        raise error
    assert raised.value.__cause__ is error
    with (
        pytest.raises(OSError, match=r"^can't: Java takes no such memory"),
        spark_errors("can't", {}, lambda: "Error occurred during initialization of VM"),
    ):
        raise error


def test_errors_that_are_not_spark_s_go_on_as_they_are() -> None:
    for error in (KeyError("x"), FileNotFoundError(2, "gone")):
        with pytest.raises(type(error)) as raised, spark_errors("can't"):
            raise error
        assert raised.value is error
    with pytest.raises(OSError, match=r"^can't"), spark_errors("can't"):
        raise pa.ArrowInvalid("of a stream")


def test_what_is_put_away_when_java_is_gone_is_no_error_and_a_mistake_of_ours_is() -> None:
    with unless_gone():
        raise Py4JNetworkError("gone")
    with pytest.raises(AnalysisException), unless_gone():
        raise AnalysisException("no such view")


def test_only_py4j_s_words_are_silenced_and_only_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger()
    before = (list(root.filters), list(root.handlers))

    def say(path: str) -> None:
        root.handle(logging.LogRecord("root", logging.ERROR, path, 1, "said in %s", (path,), None))

    with silence():
        say("/x/py4j/java_gateway.py")
        say("/x/ims/other.py")
    assert (list(root.filters), list(root.handlers)) == before
    assert [record.pathname for record in caplog.records] == ["/x/ims/other.py"]
