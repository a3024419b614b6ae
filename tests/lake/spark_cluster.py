"""A real Spark cluster on loopback, of the pip package: a standalone master and workers of one core, each a process."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ims.query.engines.spark_session import SparkSettings, java_program, stop_spark

from ..stores import SKIP_NOTHING

START_SECONDS = 120
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For Java that lives for a minute: a compiler that costs less than it saves."""
LOCAL = SparkSettings(
    master="local[1]",
    properties={
        "spark.driver.memory": "800m", "spark.driver.extraJavaOptions": QUICK, "spark.sql.shuffle.partitions": "2",
    },
)  # fmt: skip
"""The session that tests share."""


def require_java() -> None:
    """Skip the test where Java isn't; in CI, fail it."""
    if java_program() is not None:
        return
    missing = "no Java: expected Debian's default-jre-headless"
    if SKIP_NOTHING in os.environ:
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


class Process:
    """One of the cluster's processes; whatever it starts is of its group, and ends with it."""

    def __init__(self, folder: Path, name: str, *words: str) -> None:
        import pyspark

        home = Path(pyspark.__file__).parent
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{name}.log"
        environment = os.environ | {
            "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder / f"{name}-scratch"),
            "SPARK_DAEMON_MEMORY": "192m", "SPARK_DAEMON_JAVA_OPTS": QUICK,
        }  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(home / "bin" / "spark-class"), *words],
                cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def said(self, pattern: str) -> str:
        """What it logs, awaited: the pattern's first group."""
        deadline = time.monotonic() + START_SECONDS
        while (found := re.search(pattern, self.log.read_text(errors="replace"))) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no {pattern!r} in:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.02)
        return found[1]

    def executors(self) -> list[psutil.Process]:
        """Executors that a worker has started."""
        # Beside them, a helper of the script that became the worker may stay a zombie.
        return [child for child in psutil.Process(self.process.pid).children() if child.name() == "java"]

    def kill(self) -> None:
        """End it and all that it started, at once."""
        with contextlib.suppress(ProcessLookupError):  # all of the group have ended already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Cluster:
    """A master and its workers."""

    def __init__(self, folder: Path, workers: int = 2, memory: str = "1g") -> None:
        self.folder, self.memory, self.workers = folder, memory, []
        self.master = Process(
            folder, "master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", "0",
            "--webui-port", "0",
        )  # fmt: skip
        try:
            self.address = self.master.said(r"Starting Spark master at (spark://127\.0\.0\.1:\d+)")
            self.workers = [self._worker(number) for number in range(workers)]
            for worker in self.workers:
                worker.said("Successfully registered with master (.*)")
        except BaseException:
            self.close()
            raise

    def _worker(self, number: int) -> Process:
        return Process(
            self.folder, f"worker{number}", "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1",
            "--cores", "1", "--memory", self.memory, "--webui-port", "0", "--work-dir", str(self.folder / f"work{number}"),
            self.address,
        )  # fmt: skip

    def settings(self, **properties: str) -> SparkSettings:
        """For an engine on this cluster."""
        mine = {
            "spark.executor.memory": "800m", "spark.driver.memory": "800m", "spark.executor.extraJavaOptions": QUICK,
            "spark.driver.extraJavaOptions": QUICK, "spark.sql.shuffle.partitions": "2",
        }  # fmt: skip
        return SparkSettings(master=self.address, properties=mine | properties)

    def close(self) -> None:
        for process in (*self.workers, self.master):
            process.kill()


@contextlib.contextmanager
def cluster(folder: Path, workers: int = 2, memory: str = "1g") -> Iterator[Cluster]:
    """A cluster. This process's Spark, which is elsewhere, is stopped first; when the cluster is left, it is stopped again,
    and then all of the cluster's processes."""
    require_java()
    stop_spark()
    running = Cluster(folder, workers, memory)
    try:
        yield running
    finally:
        try:
            stop_spark()
        finally:
            running.close()
