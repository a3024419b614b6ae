"""Names agree, or the sensor is refused with both of them; what one store has is never counted twice."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

import ims
from ims.link.contract import Hello
from ims.portal.federation.agreement import check_hello, check_rows, check_store
from ims.portal.federation.fault import Fault
from ims.portal.federation.registry import RegisteredSensor
from ims.query.question import Question
from ims.query.request import make_request
from ims.store.rename import rename_sensor
from ims.store.store_id import read_store_id, store_id

from ...stores import cli
from ..deployment import Deployment

SENSOR = RegisteredSensor(name="sensor-a", address="127.0.0.1:9443", sensors=("old",))
HELLO = Hello(oldest=1, newest=1, program="test", now=0.0)


def test_what_agrees_is_taken() -> None:
    check_hello(SENSOR, HELLO, {"ab": "other"})  # an earlier version says nothing of itself
    check_hello(
        SENSOR, HELLO.model_copy(update={"name": "sensor-a", "sensors": ("sensor-a", "old"), "store": "cd"}), {}
    )


@pytest.mark.parametrize(
    ("words", "both"),
    [
        ({"name": "here"}, "its certificate is that of sensor 'here'; the registry calls it 'sensor-a'"),
        ({"name": "sensor-a", "sensors": ("sensor-a", "here")}, "holds sensor 'here'; the registry calls it 'sensor-a'"),
        ({"sensors": ("\x1b[31m" + "x" * 500,)}, "holds sensor"),
        ({"store": "ab"}, "its store is the one that sensor 'other' has, or a copy"),
    ],
)  # fmt: skip
def test_what_does_not_is_refused_with_both_names(words: dict[str, Any], both: str) -> None:
    with pytest.raises(Fault) as caught:
        check_hello(SENSOR, HELLO.model_copy(update=words), {"ab": "other"})
    assert caught.value.kind == "name"
    assert both in caught.value.text
    assert caught.value.text.isprintable() and len(caught.value.text) < 300


def test_rows_of_another_sensor_are_refused_whatever_was_said_of_them() -> None:
    def question(verb: str, **words: Any) -> Question:
        return Question(plan=verb, request=make_request(verb, None, **words))  # type: ignore[arg-type]

    asked = [question("count"), question("packets"), question("top", group="sensor"), question("top", group="block")]
    mine, forged = pa.array(["sensor-a", "old"]), pa.array(["sensor-a", "sensor-b"])
    check_rows(SENSOR, asked, {"1/rows": pa.table({"sensor": mine}), "2/values": pa.table({"key": mine})})
    check_rows(SENSOR, asked, {"3/values": pa.table({"key": forged})})  # blocks may be called anything
    for part, column in (("1/rows", "sensor"), ("2/values", "key"), ("2/members", "key"), ("blocks", "sensor")):
        with pytest.raises(Fault, match="holds sensor 'sensor-b'"):
            check_rows(SENSOR, asked, {part: pa.table({column: forged})})
    with pytest.raises(Fault, match="other"):
        check_store(SENSOR, ("old",), "ab", {"ab": "other"})


def test_each_store_has_an_id_and_a_copy_has_the_same(one_store: Path, three_sensors: Path, tmp_path: Path) -> None:
    shutil.copytree(one_store, tmp_path / "copy")
    assert read_store_id(one_store) == read_store_id(tmp_path / "copy") != read_store_id(three_sensors)
    assert len(read_store_id(one_store)) == 32
    (tmp_path / "copy" / "_state" / "store_id").unlink()  # as an earlier version left it
    assert read_store_id(tmp_path / "copy") == ""
    assert read_store_id(tmp_path / "copy") != store_id(tmp_path / "copy")


def test_a_query_daemon_refuses_a_store_of_another_name(one_store: Path, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, {"sensor-a": one_store})
    config = tmp_path / "queryd.toml"
    settings = f'store = "{one_store}"\nlisten = "127.0.0.1:{deployment.ports["sensor-a"]}"\nuser = "root"\n'
    config.write_text(settings + deployment.tls("sensor-a"))
    refused = cli("queryd", "--config", config)
    assert refused.returncode == 2
    assert f"{one_store} holds sensor 'a', but the certificate is that of sensor 'sensor-a'" in refused.stderr
    assert 'sensors = ["a"]' in refused.stderr
    assert "holds sensor 'a', but" in cli("doctor", "--queryd", config, "--format", "json").stdout


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, three_stores: list[Path]) -> Iterator[Deployment]:
    """Sensor a; b over a copy of a's store, which it admits to; c over a copy that was renamed."""
    folder = tmp_path_factory.mktemp("deployment")
    store = next(store for store in three_stores if store.name == "a")
    shutil.copytree(store, folder / "copy")
    shutil.copytree(store, folder / "renamed")
    rename_sensor(folder / "renamed", "a", "c")
    deployment = Deployment(folder, {"a": store, "b": folder / "copy", "c": folder / "renamed"})
    try:
        daemons = [deployment.start_sensor("a"), deployment.start_sensor("b", sensors=["a"])]
        for daemon in [*daemons, deployment.start_sensor("c"), deployment.start_portal()]:
            daemon.until("listening")
        yield deployment
    finally:
        deployment.stop()


def until(deployment: Deployment, name: str, why: str | None) -> None:
    """Wait until this is why the sensor is silent; None: it answers."""
    headers = {"Authorization": f"Bearer {deployment.tokens['operator']}"}
    for _ in range(300):
        told = httpx.get(f"{deployment.url}/api/v1/sensors", headers=headers).json()
        found = {row["name"]: row for row in told["sensors"]}
        said = found.get(name, {})
        if said.get("state") == ("answers" if why is None else "silent") and (why or "") in (said.get("why") or ""):
            return
        threading.Event().wait(0.1)
    raise AssertionError(f"{name} was expected to say {why}: {found}")


def counted(deployment: Deployment) -> tuple[int, dict[str, str]]:
    with deployment.telescope() as telescope:
        answer = telescope.count()
    return answer.rows()[0]["packets"], answer.record.silent


def test_a_copy_of_a_store_is_not_counted_twice(running: Deployment) -> None:
    with ims.open(running.stores["a"]) as telescope:
        packets = telescope.count().rows()[0]["packets"]
    until(running, "b", "its store holds sensor 'a'; the registry calls it 'b'")
    until(running, "c", "its store is the one that sensor 'a' has")
    until(running, "a", None)
    found, silent = counted(running)
    assert found == packets
    assert silent == {
        "b": "its store holds sensor 'a'; the registry calls it 'b'",
        "c": "its store is the one that sensor 'a' has, or a copy; it would count twice",
    }
    running.sensors["a"].end()
    try:
        until(running, "c", None)  # its rows are told once, by whoever is there
        assert counted(running)[0] == packets
    finally:
        running.start_sensor("a").until("listening")
    until(running, "a", None)
    until(running, "c", "its store is the one that sensor 'a' has")
    assert counted(running)[0] == packets


def test_one_certificate_in_two_entries_is_refused_when_the_registry_is_read(running: Deployment) -> None:
    before = (running.folder / "registry.toml").read_text()
    first, *_ = before.split("\n\n")
    again = first.replace('name = "a"', 'name = "again"')
    try:
        (running.folder / "registry.toml").write_text(first + "\n" + again)
        assert running.portal is not None
        counted(running)
        problem = running.portal.until("registry")["problem"]
        assert "entries 1 ('a') and 2 ('again') have one address" in problem
    finally:
        (running.folder / "registry.toml").write_text(before)


def test_a_registry_that_calls_a_certificate_by_another_name_is_told_both(running: Deployment) -> None:
    before = (running.folder / "registry.toml").read_text()
    try:
        (running.folder / "registry.toml").write_text(before.replace('name = "a"', 'name = "here"\nsensors = ["a"]'))
        until(running, "here", "its certificate is that of sensor 'a'; the registry calls it 'here'")
        assert counted(running)[1]["here"] == "its certificate is that of sensor 'a'; the registry calls it 'here'"
    finally:
        (running.folder / "registry.toml").write_text(before)
    until(running, "a", None)
