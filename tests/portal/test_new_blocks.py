"""Blocks that a portal hears of only now: nothing of them is shown beside what it hears, over real processes. Each sensor
has packets that quote addresses of the others' blocks to be."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ims.link.contract import NEWEST, OLDEST, Hello
from ims.queryd.execution import Answerer
from ims.queryd.service import Service
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import ThreadQueue

from ..effort import exhaustive
from ..queryd.waiting import until
from ..stores import MIDNIGHT, ingest, ipv4, udp, write_pcap
from .deployment import Deployment, deployed

SECOND = 1_000_000_000
SOURCE = 0x18_00_00_01
FIRST = {"a": "198.51.100", "b": "203.0.113"}
LATER = ("192.0.2", "192.88.99", "198.18.5")
"""/24s that are watched from some test on."""


def address(network: str, host: int) -> int:
    return int.from_bytes(bytes(map(int, f"{network}.{host}".split("."))))


def block(network: str) -> str:
    return f"{network}={network}.0/24"


def capture(path: Path, network: str, begin: int) -> Path:
    """To a network: payloads that quote those of LATER, and packets from there."""
    packets = []
    for number, other in enumerate(LATER):
        packets += [udp(SOURCE, address(network, 9), 5060 + number, f"sip:100@{other}.77 SIP/2.0\r\n".encode())] * 3
        packets += [ipv4(address(other, 78), address(network, 9), 17, bytes(8))] * 3
    return write_pcap(path, ((begin + n * SECOND, packet) for n, packet in enumerate(packets)))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("blocks")
    stores = {
        name: ingest(
            folder / name, capture(folder / f"{name}.pcap", network, MIDNIGHT), sensor=name, blocks=[block(network)]
        )
        for name, network in FIRST.items()
    }
    with deployed(folder / "deployment", stores, deadline=8.0) as deployment:
        # Until a first sensor has said what it watches, analysts are refused.
        until(lambda: (said := asked(deployment, "analyst", "count"))["status"] == 200 and not said["answer"]["silent"])
        yield deployment


def asked(deployment: Deployment, role: str, verb: str, **words: Any) -> Any:
    headers = {"Authorization": f"Bearer {deployment.tokens[role]}"}
    found = httpx.post(f"{deployment.url}/api/v1/query/{verb}", headers=headers, json=words, timeout=60)
    return found.json() | {"status": found.status_code}


def told(deployment: Deployment, network: str) -> bool:
    """Whether an analyst is told an address of a network now, whatever he asks."""
    answers = [
        asked(deployment, "analyst", "payloads"), asked(deployment, "analyst", "packets"),
        asked(deployment, "analyst", "sources"), asked(deployment, "analyst", "top", column="source"),
    ]  # fmt: skip
    return any(f"{network}." in json.dumps(answer) for answer in answers)


def watch(deployment: Deployment, name: str, network: str) -> None:
    """Another block of a sensor, with packets of today, unless it watches it since an earlier test."""
    folder = deployment.folder.parent
    file = folder / f"{name}-{network}.pcap"
    if not file.exists():
        ingest(folder / name, capture(file, network, MIDNIGHT + 3600 * SECOND), sensor=name, blocks=[block(network)])


@pytest.mark.parametrize("verb", ["payloads", "sources"])
def test_a_block_that_is_added_is_hidden_in_the_first_answer(running: Deployment, verb: str) -> None:
    """Without waiting for anything: the answer itself says what is watched now. (Each verb has a block of its own.)"""
    network = LATER[0] if verb == "payloads" else LATER[2]
    assert f"{network}." in json.dumps(asked(running, "analyst", verb)), "it was to be found before"
    watch(running, "a", network)
    answer = asked(running, "analyst", verb)
    assert answer["status"] == 200
    assert f"{network}." not in json.dumps(answer)
    assert not told(running, network)
    assert f"{network}." in json.dumps(asked(running, "operator", verb))


def test_a_block_of_a_sensor_that_returns_is_hidden_in_its_first_answer(running: Deployment) -> None:
    running.sensors["b"].kill()
    watch(running, "b", LATER[1])
    assert told(running, LATER[1]), "it was to be found before: nobody knows of it"
    running.start_sensor("b")
    answer = until(lambda: (found := asked(running, "analyst", "payloads")) and not found["answer"]["silent"] and found)
    assert f"{LATER[1]}." not in json.dumps(answer)
    assert not told(running, LATER[1])


def test_what_a_silent_sensor_watched_is_hidden_after_a_restart(running: Deployment) -> None:
    assert running.portal is not None
    kept = running.folder / "accounts.monitored.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert set(json.loads(kept.read_text())["watched"]) == {"a", "b"}
    running.sensors["b"].kill()
    running.portal.kill()
    try:
        running.start_portal().until("listening")
        answer = until(lambda: (found := asked(running, "analyst", "payloads"))["status"] == 200 and found)
        assert set(answer["answer"]["silent"]) == {"b"}
        assert answer["rows"]
        for network in LATER:
            assert not told(running, network)
    finally:
        running.start_sensor("b").until("listening")
    until(lambda: not asked(running, "analyst", "count")["answer"]["silent"])


@exhaustive  # federation/test_monitored_space.py tries damage without processes
def test_a_damaged_file_is_said_and_nothing_shown_until_all_is_known_again(running: Deployment) -> None:
    assert running.portal is not None
    kept = running.folder / "accounts.monitored.json"
    watch(running, "b", LATER[1])
    until(lambda: not told(running, LATER[1]))
    running.sensors["b"].kill()
    running.portal.end()
    kept.write_bytes(kept.read_bytes()[:-40])
    try:
        said = running.start_portal().until("watched")
        assert "accounts.monitored.json" in said["problem"]
        running.portal.until("listening")
        operators = until(lambda: (found := asked(running, "operator", "count"))["status"] == 200 and found)
        assert set(operators["answer"]["silent"]) == {"b"}
        refused = asked(running, "analyst", "count")
        assert refused["status"] == 503
        assert asked(running, "viewer", "count")["status"] == 503
    finally:
        running.start_sensor("b").until("listening")
    until(lambda: asked(running, "analyst", "count")["status"] == 200)
    assert not told(running, LATER[1])
    until(lambda: kept.read_bytes().endswith(b"}"))
    assert set(json.loads(kept.read_text())["watched"]) == {"a", "b"}


def test_a_sensor_that_does_not_say_what_it_watches_is_held_back(running: Deployment) -> None:
    """Such as one of an earlier version: operators are answered from it, and nobody else."""
    folder = running.folder
    store = ingest(
        folder / "c", capture(folder / "c.pcap", "203.0.112", MIDNIGHT), sensor="c", blocks=[block("203.0.112")]
    )
    answerer = Answerer(store, 1, 256 << 20, 1)
    answerer.watched.of = lambda store: None  # type: ignore[assignment,method-assign,return-value]
    service = Service(
        "grpc://127.0.0.1:0", answerer, ThreadQueue(1, 16, 16), refusal=lambda serial: None, tailing=TailService(store),
        hello=lambda: Hello(oldest=OLDEST, newest=NEWEST, program="test", now=0, sensors=("c",)),
    )  # fmt: skip
    registry = folder / "registry.toml"
    before = registry.read_text()
    try:
        registry.write_text(f'{before}\n[[sensor]]\nname = "c"\naddress = "127.0.0.1:{service.port}"\n')
        operators = until(lambda: "c" in (found := asked(running, "operator", "count"))["answer"]["answered"] and found)
        analysts = asked(running, "analyst", "count")
        assert analysts["answer"]["silent"] == {"c": "it isn't known yet what it watches"}
        assert "c" not in analysts["answer"]["answered"]
        assert analysts["rows"]["packets"] < operators["rows"]["packets"]
        assert asked(running, "viewer", "coverage")["answer"]["silent"] == {"c": "no answer"}
    finally:
        registry.write_text(before)
        service.shutdown()
        service.close()
