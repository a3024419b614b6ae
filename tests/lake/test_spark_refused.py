"""What Spark can't do is said in one line: nothing hangs, nothing is left behind, no stack trace of Java's."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ims.cause import beneath
from ims.query.engines.spark import SparkEngine
from ims.query.engines.spark_session import SparkSettings, spark_session, stop_spark
from ims.query.plans.plan import PLANS
from ims.query.request import make_request
from ims.store.reader import Store, open_store

from ..queryd.waiting import DEADLINE
from .spark_cluster import LOCAL, cluster, require_java

COUNT = make_request("count", None)


@pytest.fixture(scope="module")
def lake(rich: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, for a test that damages it."""
    return shutil.copytree(rich, tmp_path_factory.mktemp("damaged") / rich.name)


@pytest.fixture
def store(lake: Path) -> Iterator[Store]:
    with open_store(lake) as store:
        yield store


@pytest.fixture(scope="module", autouse=True)
def java() -> Iterator[None]:
    require_java()
    yield
    stop_spark()


def refused(settings: SparkSettings) -> str:
    with pytest.raises(OSError) as error:
        spark_session(settings)
    return one_line(error.value)


def one_line(error: BaseException) -> str:
    assert "\n" not in str(error)
    assert "\tat " not in str(error)
    assert len(str(error)) < 400, str(error)
    return str(error)


def test_a_cluster_without_workers(tmp_path: Path) -> None:
    with cluster(tmp_path, workers=0) as running:
        settings = running.settings().model_copy(update={"wait_seconds": 0.5})
        assert refused(settings) == f"no worker of {running.address} took the question within 0.5 s"


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"spark.driver.memory": "much"}, "Spark's Java doesn't start: Java takes no such memory or option"),
        ({"spark.driver.port": "22"}, "an address or a port of Spark's can't be used on this machine"),
        ({"spark.local.dir": "/proc/none"}, "Spark can't write where spark.local.dir says"),
    ],
)
def test_what_spark_does_not_take_is_said_in_our_words_with_the_property(properties: dict[str, str], why: str) -> None:
    stop_spark()
    with pytest.raises(OSError, match="Spark") as error:
        spark_session(SparkSettings(master="local[1]", properties=properties))
    said = ours(error.value)
    assert why in said
    assert said.endswith(f" (look at {next(iter(properties))}); IMS_DEBUG=1 shows what Spark says")
    assert error.value.__cause__ is not None


def ours(error: BaseException) -> str:
    """An error's line, in which no word is Spark's or Java's own."""
    said = one_line(error)
    assert re.search(r"Exception|org\.|java\.|\[[A-Z_.]{8,}\]|SQLSTATE|py4j|o[0-9]+\.|Errno 1[01]1", said) is None, said
    return said


@pytest.mark.exhaustive  # a Java of its own, twice
def test_a_java_that_was_killed_is_said_to_be_gone_and_started_anew(
    store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    """As by a kernel without memory. Nothing else is written for anybody to read."""
    engine = SparkEngine(store, LOCAL)
    rows = engine.partial(store, PLANS["count"], COUNT)
    next(rows)
    end_java()
    rows.close()
    with pytest.raises(OSError, match="Spark's Java ended, as it does where it is killed") as error:
        engine.run(PLANS["count"], COUNT)
    ours(error.value)
    engine.interrupt()
    engine.close()
    again = SparkEngine(store, LOCAL)
    assert again.run(PLANS["count"], COUNT).num_rows == 1
    again.close()
    assert capfd.readouterr() == ("", "")


def end_java() -> None:
    [java] = [child for child in psutil.Process().children(recursive=True) if child.name() == "java"]
    java.kill()
    psutil.wait_procs([java], DEADLINE)


def test_one_process_has_one_spark(store: Store) -> None:
    engine = SparkEngine(store, LOCAL)
    assert SparkEngine(store, LOCAL)._spark.sparkContext is engine._spark.sparkContext
    with pytest.raises(ValueError, match=r"other settings, at local\[1\]: only one Spark session per process"):
        SparkEngine(store, SparkSettings(master="local[2]"))


@pytest.mark.exhaustive
def test_a_spark_that_stopped_by_itself_is_started_anew(store: Store) -> None:
    stopped = SparkEngine(store, LOCAL)._spark.sparkContext
    stopped._jsc.sc().stop()
    engine = SparkEngine(store, LOCAL)
    assert engine._spark.sparkContext is not stopped
    assert engine.run(PLANS["coverage"], make_request("coverage", None)).num_rows == 3
    engine.close()


def test_a_damaged_file(lake: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.files("packets")[2]
    octets = path.read_bytes()
    engine = SparkEngine(store, LOCAL)
    try:
        path.write_bytes(octets[: len(octets) // 2])
        with pytest.raises(ValueError, match=rf"{path.name} is damaged: [0-9,]+ octets where [0-9,]+ were written"):
            engine.run(PLANS["count"], COUNT)
        monkeypatch.setattr(Store, "refuse_damage", lambda *_: None)  # in a bucket none is compared before it is read
        with pytest.raises(OSError, match="it is damaged, or no Parquet file") as error:
            engine.run(PLANS["count"], COUNT)
        assert error.value.filename == str(path)
        assert beneath(error.value).startswith("[FAILED_READ_FILE.")
        path.unlink()
        with pytest.raises(OSError, match="the lake can't be read: 1 of 8 files of packets aren't there") as error:
            engine.run(PLANS["count"], COUNT)
        one_line(error.value)
    finally:
        path.write_bytes(octets)
    assert engine.run(PLANS["count"], COUNT).column("packets").to_pylist()[0] > 1400
    assert engine._spark.catalog.listTables() == []
    engine.close()


def test_a_question_is_given_up_from_another_thread(store: Store) -> None:
    engine = SparkEngine(store, LOCAL)
    found: list[BaseException] = []

    def ask() -> None:
        try:
            while True:
                engine.run(PLANS["count"], COUNT)
        except InterruptedError as error:
            found.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    deadline = time.monotonic() + 120
    while thread.is_alive() and time.monotonic() < deadline:
        engine.interrupt()
        time.sleep(0.01)
    thread.join(1)
    assert [one_line(error) for error in found] == ["the question was given up"]
    engine.close()


def test_nothing_is_left_behind(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file where we stand, no process, no folder among the temporary ones."""
    stop_spark()
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    SparkEngine(store, LOCAL).run(PLANS["count"], COUNT)
    assert len(list(temporary.iterdir())) == 1
    assert "java" in children()
    stop_spark()
    assert "java" not in children()
    assert list(here.iterdir()) == list(temporary.iterdir()) == []


def children() -> set[str]:
    return {child.name() for child in psutil.Process().children(recursive=True)}
