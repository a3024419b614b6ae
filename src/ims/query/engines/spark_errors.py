"""Spark's errors as built-in ones with our own message. The messages of Spark, its Java and its connection to Python,
pages with stack traces, are only in their cause (`__cause__`, which a log or IMS_DEBUG=1 shows).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from ims.query.engines.duckdb_adapter import DAMAGED, GIVEN_UP

MORE = "; IMS_DEBUG=1 shows what Spark says"
TOO_LARGE = (
    "the question needs more memory than Spark may have: spark.driver.memory, spark.executor.memory and "
    "spark.driver.maxResultSize say how much"
)
ENDED = "Spark's Java ended, as it does where it is killed or the machine has no memory left"
_FILE = re.compile(r"(?:reading file |[Pp]ath does not exist: |[Ff]ile )((?:file|s3a):/[^\n]*?\.parquet)")
_CAUSES: Mapping[str, str] = {
    "AccessDenied|Forbidden|NoAuthWithAWS|NoAwsCredentials|Status Code: 40[13]":
        "the bucket may not be read with the credentials that Spark has",
    "NoSuchBucket|UnknownStoreException": "there is no such bucket",
    "S3AFileSystem not found|No FileSystem for scheme":
        "Spark can't read buckets without Hadoop's part for them, as docs/scale.md says",
    "No space left on device": "no space is left where Spark writes (spark.local.dir)",
    "Failed to create (any |a )?(local|temp)": "Spark can't write where spark.local.dir says",
    "HADOOP_CONF_DIR": "YARN needs HADOOP_CONF_DIR or YARN_CONF_DIR in the environment",
    "Could not parse Master URL": "Spark knows no such master",
    "KubernetesClientException": "what answers there isn't Kubernetes",
    "Invalid (initial|maximum) heap|initialization of VM|Java Virtual Machine|Unrecognized (VM )?option":
        "Java takes no such memory or option",
    "BindException|startPort should be": "an address or a port of Spark's can't be used on this machine",
    "ClassNotFoundException|NoClassDefFoundError": "a class that Spark is to load isn't there",
    "ExecutorLostFailure|Lost executor|Master removed our application|All masters are unresponsive":
        "its workers were lost",
    "stopped SparkContext|SparkContext was shut down": "Spark was stopped meanwhile",
    "UnknownHostException|ConnectException|[Cc]onnect(ion)? timed out|SocketTimeoutException|Connection reset":
        "what it reads from can't be reached",
    "INVALID_CONF_VALUE|NumberFormatException|requirement failed|must be specified|should be (boolean|int|long|double)":
        "a property has a value that Spark doesn't take",
}  # fmt: skip
"""Pattern of Spark's message -> what is wrong; the first match counts."""
_MEMORY = re.compile(r"OutOfMemoryError|maxResultSize|TaskResultLost|CANNOT_ACQUIRE_MEMORY|Cannot broadcast the table")


@contextlib.contextmanager
def spark_errors(
    what: str, properties: Mapping[str, str] | None = None, last_words: Callable[[], str] = str
) -> Iterator[None]:
    """Spark's errors as one line that begins with `what`: OSError, MemoryError, or InterruptedError where the question
    was given up. `properties`: Spark's, named if its message is about them; `last_words`: a gone Java's output."""
    from py4j.protocol import Py4JError
    from pyarrow import ArrowException
    from pyspark.errors import PySparkException

    try:
        with silence():
            yield
    except (PySparkException, Py4JError, ArrowException, ConnectionError, EOFError) as error:
        raise plain(error, what, properties or {}, last_words) from error


@contextlib.contextmanager
def unless_gone() -> Iterator[None]:
    """For cleaning up: ignores that Java is gone."""
    from py4j.protocol import Py4JError

    with silence(), contextlib.suppress(Py4JError, ConnectionError, EOFError, BrokenPipeError):
        yield


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Without Py4J's records on the root logger, and so on standard error, that a connection broke."""
    root, nowhere = logging.getLogger(), logging.NullHandler()

    def of_others(record: logging.LogRecord) -> bool:
        return Path(record.pathname).parent.name != "py4j"

    root.addFilter(of_others)
    root.addHandler(nowhere)  # without one, the first record would make one that writes to standard error
    try:
        yield
    finally:
        root.removeHandler(nowhere)
        root.removeFilter(of_others)


def plain(
    error: BaseException, what: str, properties: Mapping[str, str], last_words: Callable[[], str] = str
) -> OSError | MemoryError:
    """One of Spark's errors as a built-in one."""
    text = words_of(error)
    if "SPARK_JOB_CANCELLED" in text:
        return InterruptedError(GIVEN_UP)
    if _MEMORY.search(text):
        return MemoryError(TOO_LARGE)
    from_java = is_java_s(error)
    text = text if from_java else last_words()
    why, file = cause_in(text), _FILE.search(text)
    if why is None and not from_java:
        return OSError(f"{what}: {ENDED}")
    if why is None:
        return OSError(what + MORE) if file is None else _unread(file[1])
    return explained(what, why, text, properties)


def explained(what: str, why: str | None, text: str, properties: Mapping[str, str]) -> OSError:
    """The error that `what` failed, `why` if known, and which properties Spark's or Java's `text` is about."""
    blamed = about(text, properties)
    return OSError(what + (f": {why}" if why else "") + (f" (look at {blamed})" if blamed else "") + MORE)


def about(text: str, properties: Mapping[str, str]) -> str:
    """The properties whose name or value is in Spark's or Java's text."""
    found = [n for n, value in properties.items() if n in text or (len(value) > 1 and re.search(_whole(value), text))]
    return ", ".join(found)


def cause_in(text: str) -> str | None:
    """What is wrong, by Spark's or Java's message; None where it is unknown."""
    return next((sentence for pattern, sentence in _CAUSES.items() if re.search(pattern, text)), None)


def _whole(value: str) -> str:
    return rf"(?<![A-Za-z0-9.]){re.escape(value)}|-Xm[sx]{re.escape(value)}"


def words_of(error: BaseException) -> str:
    """Spark's whole message about an error, with its causes."""
    java = getattr(error, "java_exception", None)
    try:
        return f"{error}\n{'' if java is None else java.toString()}"
    except Exception:  # Java is gone; its output until then is in the error itself
        return f"{error}\n"


def is_java_s(error: BaseException) -> bool:
    """Whether the error is Java's, not one of the connection to it."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    return isinstance(error, Py4JJavaError | PySparkException)


def _unread(named: str) -> OSError:
    """The error for a file that Spark names."""
    if not named.startswith("file:"):
        return OSError(errno.EIO, DAMAGED, named.replace("s3a://", "s3://", 1))
    found = Path("/" + named.removeprefix("file:").lstrip("/"))
    path = found if found.exists() else Path(unquote(str(found)))
    try:
        with path.open("rb"):
            return OSError(errno.EIO, DAMAGED, str(path))
    except OSError as error:
        return OSError(error.errno, error.strerror, str(path))
