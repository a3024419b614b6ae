"""A hundred hostile callers of every kind at once (hostile.py), and honest people who ask meanwhile.

Daemons and limits are as installed: nothing is made larger or smaller for the test but what the store holds.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks import traffic

from ims.portal.auth.accounts import Accounts
from tests.portal.deployment import PASSWORD, Deployment
from tests.stores import ingest

ROOT = Path(__file__).parents[3]
SENSORS = ("a", "b")
HOSTILE = 4
"""Accounts of analysts and of viewers that are in the wrong hands, each."""
AS_INSTALLED = {"questions_per_second": 5.0, "questions_at_once": 60.0}
AS_THE_UNIT_DOES = ("nice", "-n", "5")
MEMORY = 1 << 30
DAEMON = (1 << 30) + (400 << 20)
"""What a query daemon has as installed: `memory`, and what it has at rest."""
QUESTION_SECONDS, LOGIN_SECONDS = 2.0, 3.0
FIRST = datetime(2026, 3, 4, 0, tzinfo=UTC)
DEVICES = 20
"""Of the operator: what one may log in is limited, too."""
PAUSE = 0.3


@contextmanager
def running(place: Path, packets: int) -> Iterator[tuple[Deployment, dict[str, list[str]]]]:
    stores = {}
    for seed, name in enumerate(SENSORS):
        capture = place / f"{name}.pcap"
        traffic.write_traffic(capture, packets, seed=seed)
        stores[name] = ingest(place / name / "STORE", capture, sensor=name, blocks=["Z/8=10.0.0.0/8"])
        capture.unlink()
    deployment = Deployment(
        place / "deployment", stores, installed=True, **AS_INSTALLED, secrecy={"large_blocks": "quotes"}
    )
    tokens: dict[str, list[str]] = {}
    accounts = Accounts(deployment.folder / "accounts.db")
    for role in ("analyst", "viewer"):
        for number in range(HOSTILE):
            accounts.add(f"{role}{number}", role, PASSWORD)  # type: ignore[arg-type]
            tokens.setdefault(role, []).append(accounts.new_token(f"{role}{number}", label="stolen", days=1))
    accounts.close()
    try:
        deployment.start(AS_THE_UNIT_DOES)
        deployment.heard()
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


class Honest:
    """A viewer who asks cheap questions, and an operator who logs in at places where he did so before."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._cookies: dict[int, httpx.Cookies] = {}
        self._questions, self._logins = itertools.count(), itertools.count()

    def ask(self) -> float:
        """How long the viewer waits for packets by hour, in seconds, in a range that nobody asked about before."""
        number = next(self._questions)
        since, hours = FIRST + timedelta(hours=number % 12), 6 + number // 12
        words = {"bin": "1h", "since": since.isoformat(), "until": (since + timedelta(hours=hours)).isoformat()}
        with self._from("127.3.0.1", None) as client:
            return _took(client, "/query/series", words, self._deployment.tokens["viewer"])

    def log_in(self) -> float:
        """How long the operator waits for a token, in seconds."""
        device = next(self._logins) % DEVICES
        with self._from(f"127.4.0.{device + 1}", self._cookies.get(device)) as client:
            took = _took(client, "/login", {"name": "operator", "password": PASSWORD}, None)
            self._cookies[device] = client.cookies
        return took

    def meanwhile(self, times: int) -> tuple[list[float], list[float]]:
        """How long each of their questions and logins took, which they do one after the other."""
        with ThreadPoolExecutor(2) as threads:
            did = [threads.submit(_over_and_over, times, each) for each in (self.ask, self.log_in)]
            questions, logins = [future.result() for future in did]
        return questions, logins

    def _from(self, address: str, cookies: httpx.Cookies | None) -> httpx.Client:
        transport = httpx.HTTPTransport(local_address=address)
        return httpx.Client(base_url=self._deployment.url, timeout=60, transport=transport, cookies=cookies)


def _took(client: httpx.Client, path: str, words: dict[str, Any], token: str | None) -> float:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    began = time.perf_counter()
    reply = client.post(f"/api/v1{path}", json=words, headers=headers)
    took = time.perf_counter() - began
    assert reply.status_code == 200, reply.text
    return took


def _over_and_over(times: int, do: Callable[[], float]) -> list[float]:
    found = []
    for _ in range(times):
        found.append(do())
        time.sleep(PAUSE)  # an honest caller reads what he was answered
    return found


def mostly(took: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(took, n=20, method="inclusive")[-1]


def of_daemons(deployment: Deployment) -> dict[str, int]:
    assert deployment.portal is not None
    processes = {"portal": deployment.portal, **deployment.sensors}
    return {name: peak(daemon.process.pid) for name, daemon in processes.items()}


def test_honest_callers_are_answered_beside_hostile_ones(tmp_path: Path) -> None:
    with running(tmp_path, 20_000) as (deployment, tokens):
        honest = Honest(deployment)
        honest.meanwhile(1)
        with attacked(deployment, tokens, 28) as told:
            honest.meanwhile(4)
        assert not [each for each in told if " 500" in each], told
        assert {each.split()[0] for each in told} >= {"products", "login", "long_refused", "two_lengths", "odd_times"}
        assert all(octets < MEMORY for octets in of_daemons(deployment).values()), of_daemons(deployment)


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
def test_a_hundred_hostile_callers_delay_honest_ones_by_little(tmp_path: Path) -> None:
    """Times are of a machine that does nothing else: what is promised holds on two cores, callers included."""
    with running(tmp_path, 2_000_000) as (deployment, tokens):
        honest = Honest(deployment)
        quiet = [mostly(took) for took in honest.meanwhile(DEVICES)]
        with attacked(deployment, tokens, 100) as told:
            questions, logins = honest.meanwhile(120)
        octets = of_daemons(deployment)
        figures = {
            "quiet": quiet, "question": mostly(questions), "login": mostly(logins), "octets": octets, "told": told,
            "longest": sorted(questions)[-12:],
        }  # fmt: skip
        print(json.dumps(figures, indent=1))
        assert not [each for each in told if " 500" in each], figures
        assert mostly(questions) < QUESTION_SECONDS, figures
        assert mostly(logins) < LOGIN_SECONDS, figures
        assert octets["portal"] < MEMORY, figures
        assert max(octets[name] for name in SENSORS) < DAEMON, figures
