"""Spark for this process: started once, used by every question, stopped without a trace.

PySpark has one context a process, and so have we: whoever asks for the same settings gets the same session. Its Java
process writes to an unlinked file instead of to the terminal, and works in a temporary folder.
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
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ims.query.engines.spark_errors import MORE, about, cause_in, spark_errors, unless_gone

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
"""Properties that nobody may set otherwise."""
_DEFAULTS = {
    "spark.app.name": "Internet Motion Sensor",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.sql.adaptive.enabled": "true",
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Paths are given one by one; more than this many would be looked up by a job of their own.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
}
_MASTER = re.compile(r"spark://.*|k8s://.*|yarn")
_LOCAL = re.compile(r"local(\[([1-9][0-9]*|\*)(,\s*[1-9][0-9]*)?\])?")


class SparkSettings(BaseModel):
    """Where Spark runs. `master`: as Spark names it; `properties`: more of Spark's; `wait_seconds`: how long the first
    question waits for a worker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    master: str = "local[*]"
    properties: dict[str, str] = Field(default_factory=dict)
    wait_seconds: float = Field(default=120, gt=0)

    @field_validator("master")
    @classmethod
    def _known_master(cls, master: str) -> str:
        if _MASTER.fullmatch(master) is None and _LOCAL.fullmatch(master) is None:
            raise ValueError(
                f"master {master!r}: expected local[*], local[N], spark://HOST:PORT, yarn or k8s://HOST:PORT"
            )
        return master

    @field_validator("properties")
    @classmethod
    def _leave_answers_alone(cls, properties: dict[str, str]) -> dict[str, str]:
        if fixed := sorted(ANSWERS_DEPEND_ON.keys() & properties.keys()):
            raise ValueError(f"{fixed[0]} can't be set: answers depend on it")
        return properties

    @property
    def is_local(self) -> bool:
        """Whether all runs in this process's Java."""
        return _LOCAL.fullmatch(self.master) is not None

    @property
    def endpoints(self) -> list[tuple[str, int]]:
        """Host and port of each of a standalone cluster's masters; none of others. Raises ValueError."""
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
        """What Spark is started with."""
        found = {**_DEFAULTS, "spark.master": self.master}
        if self.is_local:
            cores = len(os.sched_getaffinity(0))
            found["spark.sql.shuffle.partitions"] = str(2 * cores)
        if self.is_local or all(host in ("127.0.0.1", "localhost", "::1") for host, _ in self.endpoints or [("", 0)]):
            found |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        return found | self.properties | ANSWERS_DEPEND_ON


class _Java:
    """The Java process behind PySpark, and what it leaves."""

    def __init__(self, properties: Mapping[str, str], given: Mapping[str, str]) -> None:
        """`given`: those of them that people chose. Raises OSError where it can't be started."""
        from pyspark import SparkConf
        from pyspark.errors import PySparkException
        from pyspark.java_gateway import launch_gateway

        self._scratch = tempfile.TemporaryDirectory(prefix="ims-spark-")
        self._said: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `close`)
        conf = SparkConf(loadDefaults=False).setAll(list(properties.items()))
        conf.set("spark.sql.warehouse.dir", str(Path(self._scratch.name) / "warehouse"))
        streams = {"stdout": self._said, "stderr": self._said, "cwd": self._scratch.name}
        try:
            self.gateway: Any = launch_gateway(conf, streams)
        except (PySparkException, OSError) as error:
            _end_launched(error)
            said = self.said()
            self._release()
            raise _not_started(said, given) from RuntimeError(said or str(error))
        self.conf = conf

    def close(self) -> None:
        """End the process and remove what it wrote."""
        process = self.gateway.proc
        with unless_gone():
            self.gateway.shutdown()
        with unless_gone():
            process.stdin.close()  # upon which it ends
        process.wait()
        self._release()

    def _release(self) -> None:
        self._said.close()
        self._scratch.cleanup()

    def said(self) -> str:
        """What it has written."""
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace").strip()


def _not_started(said: str, properties: Mapping[str, str]) -> OSError:
    """That Java ended before it was ready, and why, by what it said."""
    why, blamed = cause_in(said), about(said, properties)
    what = "Spark's Java doesn't start" + (f": {why}" if why else "")
    return OSError(what + (f" (look at {blamed})" if blamed else "") + MORE)


_starting = threading.RLock()
_running: weakref.WeakKeyDictionary[Any, tuple[SparkSettings, _Java]] = weakref.WeakKeyDictionary()
"""PySpark's context, of which there is one a process at most, and what it was started with."""


def spark_session(settings: SparkSettings) -> Any:
    """The process's session (pyspark.sql.SparkSession), started at the first call.

    Raises ModuleNotFoundError without PySpark, OSError without Java, without an answer of the master, or where no
    worker comes in time, and ValueError where Spark runs already with other settings.
    """
    try:
        from pyspark import SparkContext
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise OSError("Spark wants the extra: pip install 'internet-motion-sensor[spark]'") from error
    with _starting:
        context = SparkContext._active_spark_context
        if context in _running and _stopped(context):  # its master is gone, say
            stop_spark()
            context = None
        if context is None:
            context = _started(settings)
        elif context not in _running:
            raise ValueError("this process has a Spark session of its own; stop it first")
        elif _running[context][0] != settings:
            raise ValueError(
                f"Spark runs already with other settings, at {context.master}: only one Spark session per process"
            )
        return SparkSession(context)


def stop_spark() -> None:
    """Stop this process's Spark, if we started one: session, Java, temporary files."""
    with _starting:
        for context, (_settings, java) in list(_running.items()):
            from pyspark import SparkContext
            from pyspark.sql import SparkSession

            with unless_gone():
                context.stop()
            with unless_gone():
                context.stop()  # where Java was gone, the first time ended there
            SparkSession._instantiatedSession = None
            del _running[context]
            java.close()
            SparkContext._gateway = SparkContext._jvm = None


def _started(settings: SparkSettings) -> Any:
    from pyspark import SparkContext

    with warnings.catch_warnings():
        # PySpark imports this anyway, and its warning is about pandas, in which nothing comes here.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        importlib.import_module("pyspark.testing.utils")
    _check_java()
    for host, port in settings.endpoints:
        _knock(settings.master, host, port)
    java = _Java(settings.all_properties(), settings.properties)
    try:
        with spark_errors(f"Spark doesn't start at {settings.master}", settings.properties, java.said):
            context = SparkContext(gateway=java.gateway, conf=java.conf)
        _running[context] = settings, java
    except BaseException:
        SparkContext._active_spark_context = SparkContext._gateway = SparkContext._jvm = None
        java.close()
        raise
    atexit.register(stop_spark)
    try:
        with spark_errors(f"Spark doesn't start at {settings.master}", settings.properties):
            _await_worker(context, settings)
    except BaseException:
        stop_spark()
        raise
    return context


def java_program() -> str | None:
    """The Java that Spark's scripts would take."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")


def _check_java() -> None:
    """Spark's own scripts would answer with a page."""
    wanted = f"Spark wants Java {OLDEST_JAVA} or later"
    program = java_program()
    if program is None:
        raise OSError(f"{wanted}; on Debian: apt-get install default-jre-headless")
    done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)([0-9._]*)', done.stderr + done.stdout)
    if done.returncode:
        raise OSError(f"{wanted}; {program} -version ends with {done.returncode}")
    if version is None:
        raise OSError(f"{wanted}; {program} -version says no version")
    if int(version[1]) < OLDEST_JAVA:
        raise OSError(f"{wanted}; {program} is version {version[1]}{version[2]}")


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
        raise OSError(f"no Spark master answers at {settings.master}: who listens there says nothing")


def _stopped(context: Any) -> bool:
    stopped = True
    with unless_gone():
        stopped = bool(context._jsc.sc().isStopped())
    return stopped


def _end_launched(error: BaseException) -> None:
    """End the process that PySpark's launcher gave up and kept to itself, with the pipe that leads to it."""
    trace = error.__traceback__
    while trace is not None:
        process = trace.tb_frame.f_locals.get("proc")
        if isinstance(process, subprocess.Popen):
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
        trace = trace.tb_next
