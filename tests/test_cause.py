"""Whose words an error's are: an engine's are distinguished from the system's and from ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ims import cli
from ims.cause import beneath, engine_behind


def _parquet() -> None:
    pq.read_table(pa.BufferReader(b"PAR1" * 100))


@pytest.mark.parametrize(
    ("do", "engine"),
    [
        (_parquet, "pyarrow"),
        (lambda: pa.array([1]).cast("date32[day]").cast("bool"), "pyarrow"),
        (lambda: duckdb.connect().execute("SELEC"), "duckdb"),
        (lambda: sqlite3.connect(":memory:").execute("SELEC"), "sqlite3"),
        (lambda: httpx.get("http://127.0.0.1:1", trust_env=False), "httpx"),
        (lambda: Path("/nonexistent").read_bytes(), None),
        (lambda: int("x"), None),
    ],
)
def test_whose_words_an_error_s_are(do: Callable[[], object], engine: str | None) -> None:
    with pytest.raises(Exception, match=r".") as found:
        do()
    assert engine_behind(found.value) == engine


def test_what_an_engine_says_where_nobody_expected_it_stays_unsaid(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(**words: object) -> None:
        duckdb.connect().execute("SELECT secret")

    monkeypatch.setattr(cli, "app", failing)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == "ims: duckdb failed unexpectedly; IMS_DEBUG=1 shows what it says\n"
    monkeypatch.setenv("IMS_DEBUG", "1")
    with pytest.raises(duckdb.BinderException, match="secret"):
        cli.main()


def test_of_pages_of_spark_s_the_log_gets_the_line_that_tells() -> None:
    ours = OSError("Spark can't answer")
    ours.__cause__ = RuntimeError(
        "called o1.x\n : Exception\n\tat a\nCaused by: b: [FAILED_READ.NO] reading file\n\tat c"
    )
    assert beneath(ours) == "[FAILED_READ.NO] reading file"
    assert beneath(OSError("alone")) == ""
