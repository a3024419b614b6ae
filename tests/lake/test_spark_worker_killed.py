"""A worker killed in the middle of a question: the answer is still right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ims.query.engine import Engine
from ims.query.plan import PLANS
from ims.query.request import make_request
from ims.query.spark import SparkEngine
from ims.store.reader import Store, open_store

from .spark_cluster import Cluster, cluster

SECONDS = 180
MANY_TASKS = {
    "spark.sql.files.maxPartitionBytes": "1024", "spark.sql.files.openCostInBytes": "1",
    "spark.shuffle.io.retryWait": "200ms",
}  # fmt: skip


@pytest.fixture
def store(rich: Path) -> Iterator[Store]:
    with open_store(rich) as store:
        yield store


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "cluster") as running:
        yield running


def executors(engine: SparkEngine) -> int:
    """Without the driver, which Spark counts as one."""
    return len(engine._spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()) - 1


def await_both_at_work(engine: SparkEngine) -> Any:
    """A stage in which each of the two cores has a task, and which has done many and has many to do."""
    tracker = engine._spark.sparkContext.statusTracker()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for stage in tracker.getActiveStageIds():
            info = tracker.getStageInfo(stage)
            if info and info.numActiveTasks == 2 and info.numCompletedTasks >= 10 and left(info) >= 20:
                return info
        time.sleep(0.005)
    raise AssertionError("there was no moment at which both workers were busy")


def left(info: Any) -> int:
    return int(info.numTasks - info.numCompletedTasks - info.numActiveTasks)


def test_the_answer_is_right_though_a_worker_is_killed_in_the_middle(store: Store, running: Cluster) -> None:
    duckdb, spark = Engine([store]), SparkEngine(store, running.settings(**MANY_TASKS))
    request = make_request("count", None)
    deadline = time.monotonic() + SECONDS
    while executors(spark) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(spark.run, PLANS["count"], request)
        stage = await_both_at_work(spark)
        assert len(running.workers[0].executors()) == 1
        running.workers[0].kill()
        assert not answer.done()
        assert answer.result(SECONDS).equals(duckdb.run(PLANS["count"], request))
    assert stage.numTasks > 30
    assert executors(spark) == 1
    assert running.workers[0].process.returncode == -9
    # The other one goes on alone.
    request = make_request("packets", None, limit=300)
    assert spark.run(PLANS["packets"], request).equals(duckdb.run(PLANS["packets"], request))
    for engine in (duckdb, spark):
        engine.close()
