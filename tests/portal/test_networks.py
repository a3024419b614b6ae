"""Sensors and portal with a network between them: a firewall that drops, and a packet's way from a wire to an event."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import ims
from ims.simulate.namespaces import MACHINE, PEER, ip, may_make_namespaces

from ..sensor.lab import Lab
from ..stores import IMS, ingest
from .deployment import Deployment, Process

pytestmark = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces need root")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(via=MACHINE) as lab:
        yield lab


def asked(lab: Lab, deployment: Deployment) -> tuple[dict[str, Any], str]:
    """What `ims query count` prints at the portal's end, and what it complains of."""
    token = deployment.folder / "token"
    token.touch(0o600)
    token.write_text(deployment.tokens["operator"])
    words = ["query", "count", "--portal", deployment.url, "--token-file", token, "--format", "json"]
    done = subprocess.run(lab.at_peer(IMS, *words), capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout), done.stderr


def test_a_firewall_that_drops_costs_the_deadline_once_and_is_told(
    lab: Lab, tmp_path: Path, samples: dict[int, Path]
) -> None:
    """The portal is at the peer, one sensor beside it, the other on the machine, whose answers are dropped on the way:
    the portal's packets vanish, as behind a firewall."""
    stores = {
        "near": ingest(tmp_path / "near", samples[1], sensor="near"),
        "far": ingest(tmp_path / "far", samples[2], sensor="far"),
    }
    deployment = Deployment(tmp_path / "deployment", stores, deadline=5)
    deployment.register(far=f"{MACHINE}:{deployment.ports['far']}")
    at = {name: ("ip", "netns", "exec", getattr(lab, name)) for name in ("peer", "machine")}
    processes: list[Process] = []
    try:
        processes += [
            deployment.start_sensor("near", prefix=at["peer"]),
            deployment.start_sensor("far", prefix=at["machine"], listen=f"{MACHINE}:{deployment.ports['far']}"),
            deployment.start_portal(prefix=at["peer"]),
        ]
        for process in processes:
            process.until("listening")
        with ims.open(*stores.values()) as both, ims.open(stores["near"]) as near:
            assert asked(lab, deployment)[0]["packets"] == both.count().rows()[0]["packets"]
            ip(f"-n {lab.machine} route add blackhole {PEER}/32")
            for _ in range(3):  # the connection is there, then it is given up, then no new one is made
                found, complaint = asked(lab, deployment)
                assert found["packets"] == near.count().rows()[0]["packets"]
                assert "far did not answer" in complaint
            ip(f"-n {lab.machine} route del blackhole {PEER}/32")
            for _ in range(300):
                found, complaint = asked(lab, deployment)
                if not complaint:
                    break
            assert found["packets"] == both.count().rows()[0]["packets"]
    finally:
        for process in processes:
            process.end()


def events(
    deployment: Deployment, role: str, stop: threading.Event, ready: threading.Event
) -> Iterator[tuple[str, Any]]:
    headers = {"Authorization": f"Bearer {deployment.tokens[role]}"}
    with (
        httpx.Client(timeout=60) as client,
        client.stream("GET", f"{deployment.url}/api/v1/events", headers=headers) as response,
    ):
        kind = ""
        for line in response.iter_lines():
            if stop.is_set():
                return
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                if kind == "sensor":
                    ready.set()
                yield kind, json.loads(line.removeprefix("data: "))


def test_a_packet_on_the_wire_is_an_event_at_the_portal(lab: Lab, tmp_path: Path) -> None:
    """A live sensor in a namespace, its query daemon and a portal; an operator who listens is told of the datagram, its
    port and its payload, and an analyst too, for no monitored address is in it."""
    sensor = lab.sensor()
    sensor.wait_for("watching")
    deployment = Deployment(tmp_path / "deployment", {"a": sensor.store}, blocks={"a": [("C/24", "198.51.100.0/24")]})
    told: dict[str, list[tuple[str, Any]]] = {"operator": [], "analyst": []}
    stop, ready = threading.Event(), {role: threading.Event() for role in told}
    came = {role: threading.Event() for role in told}

    def listen(role: str) -> None:
        for kind, data in events(deployment, role, stop, ready[role]):
            told[role].append((kind, data))
            if kind == "payload" and data["text"] == "hello, dark":
                came[role].set()

    try:
        deployment.start()
        listening = [threading.Thread(target=listen, args=(role,)) for role in told]
        for thread in listening:
            thread.start()
        for role in told:
            assert ready[role].wait(60)
        number = 0
        while not all(event.is_set() for event in came.values()):
            number += 1
            assert number < 120, told
            send = "import socket; socket.socket(2, 2).sendto(b'hello, dark', ('198.51.100.9', 4321))"
            assert lab.run("python3", "-c", send).returncode == 0
            came["analyst"].wait(1)
        for news in told.values():
            packets = [data for kind, data in news if kind == "packets" and data["block"] == "C/24"]
            assert sum(data["packets"] for data in packets) >= 1
            assert all(data["sensor"] == "a" for data in packets)
            assert "198.51.100" not in json.dumps(news)
            assert any(
                port["destination_port"] == 4321 for kind, data in news if kind == "ports" for port in data["ports"]
            )
    finally:
        stop.set()
        deployment.stop()
    for thread in listening:
        thread.join(60)
