"""A worker killed in the middle of a question: the answer is still right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ims.query.engines.duckdb import Engine
from ims.query.engines.spark import SparkEngine
from ims.query.plans.plan import PLANS
from ims.query.request import Request, make_request
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


def both_at_work(engine: SparkEngine) -> Any:
    """A stage in which each of the two cores has a task, and which has done many and has many to do; None if none is."""
    tracker = engine._spark.sparkContext.statusTracker()
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    fit = [info for info in stages if info and info.numActiveTasks == 2 and info.numCompletedTasks >= 10]
    return next((info for info in fit if left(info) >= 20), None)


def asked(engine: SparkEngine, request: Request, thread: ThreadPoolExecutor) -> tuple[Future[Any], Any]:
    """The answer to come, and the stage in which both are at work on it. Where a busy machine lets that moment pass
    unseen, it is asked again."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        answer = thread.submit(engine.run, PLANS["count"], request)
        while not answer.done():
            stage = both_at_work(engine)
            if stage is not None:
                return answer, stage
            time.sleep(0.005)
        answer.result()
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
        answer, stage = asked(spark, request, thread)
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
