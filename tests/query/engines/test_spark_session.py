"""Where Spark runs, and what is missing for it: said in a line before any of Spark is started."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ims.query.engines.spark_session import ANSWERS_DEPEND_ON, SparkSettings, spark_session, stop_spark

from ...lake.spark_cluster import LOCAL, require_java


@pytest.fixture(scope="module", autouse=True)
def no_spark() -> None:
    """Else the one that runs already would be taken."""
    stop_spark()


def refused(settings: SparkSettings) -> str:
    with pytest.raises(OSError) as error:
        spark_session(settings)
    said = str(error.value)
    assert "\n" not in said and len(said) < 400, said
    return said


def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    assert refused(LOCAL) == "Spark needs the extra: pip install 'internet-motion-sensor[spark]'"


def test_without_java_it_is_said_where_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(LOCAL) == "Spark needs Java 17 or later; on Debian: apt-get install default-jre-headless"


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("exit 0", "-version says no version"),
        ("echo 'java version \"1.8.0_302\"' >&2", "is version 1.8.0_302"),
        ("echo no room left; exit 3", "-version ends with 3"),
    ],
)
def test_what_java_is_too_old_or_broken_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, found: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "java"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert refused(LOCAL) == f"Spark needs Java 17 or later; {program} {found}"


def test_a_master_that_is_not_there() -> None:
    require_java()
    with socket.socket() as closed:  # bound, and not listening
        closed.bind(("127.0.0.1", 0))
        began = time.monotonic()
        said = refused(SparkSettings(master=f"spark://127.0.0.1:{closed.getsockname()[1]}"))
    assert said.startswith("no Spark master answers at spark://127.0.0.1:")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("master", ["spark://nowhere", "spark://:7077", "spark://a:99999", "spark://a:1,b"])
def test_a_master_s_address_that_is_none(master: str) -> None:
    with pytest.raises(ValueError, match="expected spark://HOST:PORT"):
        spark_session(SparkSettings(master=master))


@pytest.mark.parametrize("name", ["spark.sql.ansi.enabled", "spark.sql.session.timeZone"])
def test_what_answers_depend_on_cannot_be_set(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} can't be set: answers depend on it"):
        SparkSettings(properties={name: "true"})


@pytest.mark.parametrize("master", ["", "somewhere", "http://a:7077", "sc://a", "local[none]", "local[0]"])
def test_a_master_of_no_known_kind(master: str) -> None:
    with pytest.raises(ValidationError, match="expected local"):
        SparkSettings(master=master)


def test_masters_of_a_standalone_cluster_are_told_with_their_ports() -> None:
    assert SparkSettings(master="spark://a:7077,[::1]:7078").endpoints == [("a", 7077), ("::1", 7078)]
    for master in ("yarn", "k8s://https://a:443", "local[*]", "local[2, 3]"):
        settings = SparkSettings(master=master)
        assert settings.endpoints == []
        assert settings.is_local == master.startswith("local")


def test_properties_are_taken_but_for_those_that_answers_depend_on() -> None:
    given = {"spark.app.name": "mine", "spark.driver.memory": "1g"}
    found = SparkSettings(master="yarn", properties=given).all_properties()
    assert found.items() >= given.items()
    assert found.items() >= ANSWERS_DEPEND_ON.items()
    assert found["spark.master"] == "yarn"


@pytest.mark.parametrize(
    ("master", "listens_here"),
    [("local[1]", True), ("spark://127.0.0.1:7077", True), ("spark://localhost:1,[::1]:2", True), ("spark://10.0.0.1:7077", False),
     ("spark://127.0.0.1:1,10.0.0.1:2", False), ("yarn", False)],
)  # fmt: skip
def test_only_a_spark_of_this_machine_listens_on_loopback_alone(master: str, listens_here: bool) -> None:
    """Workers elsewhere couldn't reach it."""
    found = SparkSettings(master=master).all_properties()
    assert (found.get("spark.driver.bindAddress") == "127.0.0.1") == listens_here
    assert (found.get("spark.driver.host") == "127.0.0.1") == listens_here


@pytest.mark.parametrize("words", [{"wait_seconds": 0}, {"wait_seconds": -1}, {"cores": 2}, {"properties": {"a": 1}}])
def test_settings_that_are_none_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SparkSettings(**words)


def test_nothing_is_stopped_where_nothing_was_started() -> None:
    stop_spark()
    stop_spark()
