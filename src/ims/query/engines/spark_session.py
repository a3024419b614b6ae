"""Spark for this process: started once, used by every question, stopped without a trace.

PySpark has one context a process, so the same settings give the same session. Its Java process writes to an unlinked
file instead of the terminal, and works in a temporary folder.
"""

from __future__ import annotations

import atexit
import importlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import traceback
import warnings
import weakref
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, Field, field_validator

from ims.query.engines.spark_errors import cause_in, explained, spark_errors, unless_gone

CONNECT_SECONDS = 5
OLDEST_JAVA = 17
ANSWERS_DEPEND_ON = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",  # x / 0 is null, as on DuckDB
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",  # a sensor called 007 is a text
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.parquet.binaryAsString": "false",
    # A limit over sorted rows stays one operator: two would be joined by an exchange that keeps no order.
    "spark.sql.execution.topKSortFallbackThreshold": str((1 << 31) - 16),
}
"""Properties that can't be changed."""
_DEFAULTS = {
    "spark.app.name": "Internet Motion Sensor",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.sql.adaptive.enabled": "true",
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # More paths than this would be looked up by a separate job.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
}
_MASTER = re.compile(r"spark://.*|k8s://.*|yarn")
_LOCAL = re.compile(r"local(\[([1-9][0-9]*|\*)(,\s*[1-9][0-9]*)?\])?")


class SparkSettings(BaseModel, frozen=True, extra="forbid"):
    """Where Spark runs. `master`: Spark's master URL; `properties`: more of Spark's; `wait_seconds`: how long the first
    question waits for a worker."""

    master: str = "local[*]"
    properties: dict[str, str] = Field(default_factory=dict)
    wait_seconds: float = Field(default=120, gt=0)

    @field_validator("master")
    @classmethod
    def _known_master(cls, master: str) -> str:
        if _MASTER.fullmatch(master) is None and _LOCAL.fullmatch(master) is None:
            expected = "local[*], local[N], spark://HOST:PORT, yarn or k8s://HOST:PORT"
            raise ValueError(f"master {master!r}: expected {expected}")
        return master

    @field_validator("properties")
    @classmethod
    def _leave_answers_alone(cls, properties: dict[str, str]) -> dict[str, str]:
        if fixed := sorted(ANSWERS_DEPEND_ON.keys() & properties.keys()):
            raise ValueError(f"{fixed[0]} can't be set: answers depend on it")
        return properties

    @property
    def is_local(self) -> bool:
        """Whether everything runs in this process's Java."""
        return _LOCAL.fullmatch(self.master) is not None

    @property
    def endpoints(self) -> list[tuple[str, int]]:
        """Host and port of each of a standalone cluster's masters; none for others. Raises ValueError."""
        scheme, _, hosts = self.master.partition("://")
        if scheme != "spark":
            return []
        found = []
        for host in hosts.split(","):
            name, _, port = host.rpartition(":")
            if not name or not port.isdecimal() or not 0 < int(port) < 1 << 16:
                raise ValueError(f"master {self.master!r}: expected spark://HOST:PORT, such as spark://10.0.0.1:7077")
            found.append((name.strip("[]"), int(port)))
        return found

    def all_properties(self) -> dict[str, str]:
        """The properties that Spark is started with."""
        found = {**_DEFAULTS, "spark.master": self.master}
        if self.is_local:
            found["spark.sql.shuffle.partitions"] = str(2 * len(os.sched_getaffinity(0)))
        if self.is_local or all(host in ("127.0.0.1", "localhost", "::1") for host, _ in self.endpoints or [("", 0)]):
            found |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        return found | self.properties | ANSWERS_DEPEND_ON


class _Java:
    """The Java process behind PySpark, and its files."""

    def __init__(self, settings: SparkSettings) -> None:
        """Raises OSError where it can't be started."""
        from pyspark import SparkConf
        from pyspark.errors import PySparkException
        from pyspark.java_gateway import launch_gateway

        self._scratch = tempfile.TemporaryDirectory(prefix="ims-spark-")
        self._output: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `close`)
        self.conf = SparkConf(loadDefaults=False).setAll(list(settings.all_properties().items()))
        self.conf.set("spark.sql.warehouse.dir", str(Path(self._scratch.name) / "warehouse"))
        streams = {"stdout": self._output, "stderr": self._output, "cwd": self._scratch.name}
        try:
            self.gateway: Any = launch_gateway(self.conf, streams)
        except (PySparkException, OSError) as error:
            _end_launched(error)
            output = self.output()
            self._release()
            failure = explained("Spark's Java doesn't start", cause_in(output), output, settings.properties)
            raise failure from RuntimeError(output or str(error))

    def close(self) -> None:
        """End the process and remove its files."""
        process = self.gateway.proc
        with unless_gone():
            self.gateway.shutdown()
        with unless_gone():
            process.stdin.close()  # upon which it ends
        process.wait()
        self._release()

    def _release(self) -> None:
        self._output.close()
        self._scratch.cleanup()

    def output(self) -> str:
        """The process's output so far."""
        self._output.seek(0)
        return self._output.read().decode("utf-8", "replace").strip()


_starting = threading.RLock()
_running: weakref.WeakKeyDictionary[Any, tuple[SparkSettings, _Java]] = weakref.WeakKeyDictionary()
"""PySpark's context, at most one a process, with its settings."""


def spark_session(settings: SparkSettings) -> Any:
    """The process's session (pyspark.sql.SparkSession), started at the first call. Raises OSError without PySpark,
    Java, an answer of the master or a worker in time, and ValueError where Spark runs already with other settings."""
    try:
        from pyspark import SparkContext
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise OSError("Spark needs the extra: pip install 'internet-motion-sensor[spark]'") from error
    with _starting:
        context = SparkContext._active_spark_context
        if context in _running and _stopped(context):  # for example as its master is gone
            stop_spark()
            context = None
        if context is None:
            context = _started(settings)
        elif context not in _running:
            raise ValueError("this process has a Spark session of its own; stop it first")
        elif _running[context][0] != settings:
            where = f"with other settings, at {context.master}"
            raise ValueError(f"Spark runs already {where}: only one Spark session per process")
        return SparkSession(context)


def stop_spark() -> None:
    """Stop this process's Spark, if we started one: session, Java, temporary files."""
    with _starting:
        for context, (_settings, java) in list(_running.items()):
            from pyspark import SparkContext
            from pyspark.sql import SparkSession

            for _attempt in range(2):  # where Java was gone, the first one ended there
                with unless_gone():
                    context.stop()
            SparkSession._instantiatedSession = None
            del _running[context]
            java.close()
            SparkContext._gateway = SparkContext._jvm = None


def _started(settings: SparkSettings) -> Any:
    from pyspark import SparkContext

    with warnings.catch_warnings():
        # PySpark imports this anyway; its warning is about pandas, which isn't used here.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        importlib.import_module("pyspark.testing.utils")
    _check_java()
    for host, port in settings.endpoints:
        _knock(settings.master, host, port)
    java, failure = _Java(settings), f"Spark doesn't start at {settings.master}"
    try:
        with spark_errors(failure, settings.properties, java.output):
            context = SparkContext(gateway=java.gateway, conf=java.conf)
        _running[context] = settings, java
    except BaseException:
        SparkContext._active_spark_context = SparkContext._gateway = SparkContext._jvm = None
        java.close()
        raise
    atexit.register(stop_spark)
    try:
        with spark_errors(failure, settings.properties):
            _await_worker(context, settings)
    except BaseException:
        stop_spark()
        raise
    return context


def java_program() -> str | None:
    """The Java that Spark's scripts use."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")


def _check_java() -> None:
    """Spark's own scripts would print a page."""
    needed = f"Spark needs Java {OLDEST_JAVA} or later"
    program = java_program()
    if program is None:
        raise OSError(f"{needed}; on Debian: apt-get install default-jre-headless")
    done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)([0-9._]*)', done.stderr + done.stdout)
    if done.returncode:
        raise OSError(f"{needed}; {program} -version ends with {done.returncode}")
    if version is None:
        raise OSError(f"{needed}; {program} -version says no version")
    if int(version[1]) < OLDEST_JAVA:
        raise OSError(f"{needed}; {program} is version {version[1]}{version[2]}")


def _knock(master: str, host: str, port: int) -> None:
    """Spark itself would try for a minute."""
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        raise OSError(f"no Spark master answers at {master}: {error.strerror or error}") from error


def _await_worker(context: Any, settings: SparkSettings) -> None:
    if settings.is_local or settings.properties.get("spark.dynamicAllocation.enabled") == "true":
        return
    deadline = time.monotonic() + settings.wait_seconds
    while not _stopped(context) and context._jsc.sc().getExecutorMemoryStatus().size() < 2:  # the first is ourselves
        if time.monotonic() > deadline:
            raise OSError(f"no worker of {settings.master} took the question within {settings.wait_seconds:g} s")
        time.sleep(0.05)
    if _stopped(context):  # which Spark does after a minute without a word from the master
        raise OSError(f"no Spark master answers at {settings.master}: what listens there doesn't respond")


def _stopped(context: Any) -> bool:
    stopped = True
    with unless_gone():
        stopped = bool(context._jsc.sc().isStopped())
    return stopped


def _end_launched(error: BaseException) -> None:
    """End the process that PySpark's launcher gave up, which only its stack frame refers to, and the pipe to it."""
    for frame, _line in traceback.walk_tb(error.__traceback__):
        process = frame.f_locals.get("proc")
        if isinstance(process, subprocess.Popen):
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
