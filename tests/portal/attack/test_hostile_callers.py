"""A hundred hostile callers of every kind at once (hostile.py), and honest people who ask meanwhile.

Daemons and limits are as installed: nothing is made larger or smaller for the test but what the store holds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from benchmarks import traffic

from ims.portal.accounts import Accounts
from tests.portal.deployment import PASSWORD, Deployment
from tests.stores import ingest

ROOT = Path(__file__).parents[3]
SENSORS = ("a", "b")
HOSTILE = 4
"""Accounts of analysts and of viewers that are in the wrong hands, each."""
AS_INSTALLED = {"questions_per_second": 5.0, "questions_at_once": 60.0}
MEMORY = 1 << 30


@contextmanager
def running(place: Path, packets: int) -> Iterator[tuple[Deployment, dict[str, list[str]]]]:
    stores = {}
    for seed, name in enumerate(SENSORS):
        capture = place / f"{name}.pcap"
        traffic.write_traffic(capture, packets, seed=seed)
        stores[name] = ingest(place / name / "STORE", capture, sensor=name, blocks=["Z/8=10.0.0.0/8"])
        capture.unlink()
    deployment = Deployment(place / "deployment", stores, **AS_INSTALLED, secrecy={"large_blocks": "quotes"})
    tokens: dict[str, list[str]] = {}
    accounts = Accounts(deployment.folder / "accounts.db")
    for role in ("analyst", "viewer"):
        for number in range(HOSTILE):
            accounts.add(f"{role}{number}", role, PASSWORD)  # type: ignore[arg-type]
            tokens.setdefault(role, []).append(accounts.new_token(f"{role}{number}", label="stolen", days=1))
    accounts.close()
    try:
        deployment.start()
        yield deployment, tokens
    finally:
        deployment.stop()


@contextmanager
def attacked(deployment: Deployment, tokens: dict[str, list[str]], callers: int) -> Iterator[dict[str, int]]:
    """While they call; what they were answered is there when it ends."""
    words = [f"{role}:{secret}" for role, secrets in tokens.items() for secret in secrets]
    program = [sys.executable, "-m", "tests.portal.attack.hostile", str(deployment.portal_port), str(callers), *words]
    told: dict[str, int] = {}
    process = subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield told
    finally:
        out, _ = process.communicate("", timeout=120)
        told.update(json.loads(out))


def peak(pid: int) -> int:
    """The most memory that a process had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def asked(deployment: Deployment, address: str, path: str, body: dict[str, Any], role: str | None) -> float:
    """How long one honest caller waits for an answer, in seconds. Each comes from an address of his own."""
    headers = {"Authorization": f"Bearer {deployment.tokens[role]}"} if role else {}
    transport = httpx.HTTPTransport(local_address=address)
    began = time.perf_counter()
    with httpx.Client(base_url=deployment.url, timeout=60, transport=transport) as client:
        reply = client.post(f"/api/v1{path}", json=body, headers=headers)
    took = time.perf_counter() - began
    assert reply.status_code == 200, reply.text
    return took


def over_and_over(times: int, ask: Callable[[int], float], pause: float) -> list[float]:
    """How long each took, one after the other."""
    found = []
    for number in range(times):
        found.append(ask(number))
        time.sleep(pause)  # an honest caller reads what he was answered
    return found


def meanwhile(deployment: Deployment, times: int) -> tuple[list[float], list[float]]:
    """A viewer's cheap questions and an operator's logins, each one after the other."""
    took: dict[str, list[float]] = {}

    def viewer(number: int) -> float:
        words = {"bin": "1h", "since": "2026-03-04T08:00:00Z", "until": "2026-03-04T14:00:00Z"}
        return asked(deployment, "127.3.0.1", "/query/series", words, "viewer")

    def operator(number: int) -> float:
        who = {"name": "operator", "password": PASSWORD}
        return asked(deployment, f"127.4.{number // 250}.{number % 250 + 1}", "/login", who, None)

    failed: list[BaseException] = []

    def run(name: str, ask: Callable[[int], float]) -> None:
        try:
            took[name] = over_and_over(times, ask, 0.3)
        except BaseException as error:  # told by the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in (("viewer", viewer), ("operator", operator))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return took["viewer"], took["operator"]


def of_daemons(deployment: Deployment) -> dict[str, int]:
    assert deployment.portal is not None
    processes = {"portal": deployment.portal, **deployment.sensors}
    return {name: peak(daemon.process.pid) for name, daemon in processes.items()}


def test_honest_callers_are_answered_beside_hostile_ones(tmp_path: Path) -> None:
    with running(tmp_path, 20_000) as (deployment, tokens):
        with attacked(deployment, tokens, 28) as told:
            meanwhile(deployment, 4)
        assert not [each for each in told if " 500" in each], told
        assert {each.split()[0] for each in told} >= {"products", "login", "long_refused", "two_lengths", "odd_times"}
        assert all(octets < MEMORY for octets in of_daemons(deployment).values()), of_daemons(deployment)
