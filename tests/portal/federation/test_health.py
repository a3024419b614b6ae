"""What the portal says of its sensors: whether they watch and store, while questions are asked and without any."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ims.link.contract import Hello, Live
from ims.portal.federation.health import live_of, shown_sensor, whole
from ims.portal.federation.registry import RegisteredSensor
from ims.portal.federation.sensors import Health
from ims.simulate.namespaces import may_make_namespaces

from ...sensor.lab import Lab
from ...store.full_disk import small_disk
from ...stores import IMS
from ..deployment import Deployment

NOW = 1_772_582_400.0
SENSOR = RegisteredSensor(name="a", address="127.0.0.1:9443")
WATCHING = Live(state="watching", watches=True, since=NOW, heard=NOW, stores=True, stores_since=NOW, last_packet=NOW)


def hello(**live: Live) -> Hello:
    return Hello(oldest=1, newest=1, program="0.1", now=NOW, live=live)


def answering(said: Hello) -> Health:
    return Health(SENSOR, said, since=NOW, asked=1.0)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def watched(lab: Lab, tmp_path: Path) -> Iterator[Deployment]:
    """A portal and a query daemon over the store of a live sensor, on a disk of its own."""
    with small_disk(lab.folder / "STORE", 48 << 20) as mounted:
        assert mounted
        lab.sensor(settings='keep_free = "1M"\nuser = "root"')
        deployment = Deployment(tmp_path / "D", {"a": lab.folder / "STORE"})
        try:
            deployment.start()
            yield deployment
        finally:
            deployment.stop()
            lab.sensors[0].kill()


def asked(deployment: Deployment, path: str, role: str = "operator") -> Any:
    headers = {"Authorization": f"Bearer {deployment.tokens[role]}"}
    return httpx.get(f"{deployment.url}/api/v1/{path}", headers=headers, timeout=60)


@pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")
def test_a_sensor_that_stores_or_watches_nothing_does_not_look_well(lab: Lab, watched: Deployment) -> None:
    portal = watched.portal
    assert portal is not None
    portal.until("live", state="watching", stores=True)
    lab.flood("syn", 1000)
    lab.sensors[0].wait_for_packets(1000)
    [sensor] = asked(watched, "sensors").json()["sensors"]
    assert (sensor["state"], sensor["live"], sensor["watches"], sensor["stores"]) == ("answers", "watching", True, True)
    assert (sensor["why"], sensor["losing"]) == (None, [])
    assert asked(watched, "health").json() == {"status": "ok", "why": None}
    assert asked(watched, "query/count").json()["answer"]["losing"] == {}

    # The disk fills.
    filler = lab.folder / "STORE" / "filler"
    with filler.open("wb") as file, pytest.raises(OSError, match="No space left"):
        while True:
            os.write(file.fileno(), bytes(65536))
    portal.until("live", state="watching", stores=False)
    lab.flood("syn", 1000, seed=2)
    [sensor] = asked(watched, "sensors").json()["sensors"]
    assert (sensor["watches"], sensor["stores"]) == (True, False)
    assert "less than keep_free" in sensor["why"] or "No space left" in sensor["why"]
    assert asked(watched, "health").json()["why"] == "sensors: 1 storing nothing, of 1"
    assert asked(watched, "query/count").json()["answer"]["losing"]["a"].startswith("stores nothing since 2")
    assert asked(watched, "query/count?until=2026-01-01").json()["answer"]["losing"] == {}
    assert asked(watched, "query/count", "viewer").json()["answer"]["losing"] == {}
    command = [IMS, "query", "count", "--store", lab.folder / "STORE"]
    assert "ims: a stores nothing since" in subprocess.run(command, capture_output=True, text=True, check=True).stderr

    # It is halted, and killed.
    lab.sensors[0].process.send_signal(signal.SIGSTOP)
    portal.until("live", state="stuck")
    assert "says nothing since" in asked(watched, "sensors").json()["sensors"][0]["why"]
    lab.sensors[0].kill()
    portal.until("live", state="died")
    [sensor] = asked(watched, "sensors").json()["sensors"]
    assert (sensor["state"], sensor["watches"], sensor["live"]) == ("answers", False, "died")
    assert sensor["last_packet"] > sensor["watches_since"][:10]
    assert asked(watched, "health").json()["why"] == "sensors: 1 watching nothing, of 1"
    assert "watches nothing now" in json.dumps(asked(watched, "query/count").json()["answer"]["losses"])
    [seen] = asked(watched, "sensors", "viewer").json()["sensors"]
    assert (seen["watches"], seen["why"], "last_packet" in seen) == (False, None, False)

    # Nobody answers.
    watched.sensors["a"].end()
    portal.until("sensor", state="silent")
    found = httpx.get(f"{watched.url}/api/v1/health")
    assert (found.status_code, found.json()) == (503, {"error": "no sensor answers (1 silent)"})
    assert asked(watched, "sensors").json()["sensors"][0]["watches"] is None


def test_of_several_names_in_a_store_the_registered_one_is_shown_else_the_newest() -> None:
    died = Live(state="died", heard=NOW - 100, since=NOW - 100, why="its process ended")
    assert live_of(hello(a=died, b=WATCHING), "a") == died
    assert live_of(hello(old=died, b=WATCHING), "a") == WATCHING
    assert live_of(hello(), "a") is None


def test_an_older_daemon_says_neither() -> None:
    shown = shown_sensor(answering(hello()))
    assert (shown["state"], shown["watches"], shown["stores"], shown["why"]) == ("answers", None, None, None)
    assert whole([shown]).status == "ok"


def test_what_a_daemon_says_is_one_printable_line_and_its_moments_are_ours() -> None:
    odd = WATCHING.model_copy(update={"why": "a\x1b[2J\nb", "last_packet": 1e300, "since": -5.0})
    shown = shown_sensor(answering(hello(a=odd)))
    assert "\x1b" not in shown["why"]
    assert "\n" not in shown["why"]
    assert (shown["last_packet"], shown["watches_since"]) == (None, None)


def test_the_whole_fails_where_no_sensor_answers_and_is_degraded_where_some_do_not() -> None:
    well = shown_sensor(answering(hello(a=WATCHING)))
    assert whole([]) == ("failing", "no sensor answers (none is registered)")
    assert whole([well | {"state": "silent"}, well | {"state": "unknown"}]).status == "failing"
    assert whole([well]) == ("ok", None)
    mixed = [well, well | {"state": "silent", "watches": None}, well | {"watches": False, "stores": False}]
    assert whole([*mixed, well | {"stores": False}]) == (
        "degraded", "sensors: 1 silent, 1 watching nothing, 1 storing nothing, of 4",
    )  # fmt: skip
