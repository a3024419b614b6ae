"""A portal's process: it begins again after a kill, keeps nothing of callers that go, and ends when it is told."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .deployment import Deployment, Process, deployed


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("deployment") / "D", {"a": one_store}) as deployment:
        deployment.heard()
        yield deployment


def count(deployment: Deployment) -> int:
    """Packets, of the one sensor that there is."""
    with deployment.telescope() as telescope:
        answer = telescope.count()
    assert not answer.record.silent
    return int(answer.rows()[0]["packets"])


def test_a_portal_that_was_killed_begins_again(running: Deployment) -> None:
    assert running.portal is not None
    before = count(running)
    running.portal.kill()
    running.start_portal().until("listening")
    running.heard()
    assert count(running) == before


def test_nothing_is_left_behind_by_callers_that_go(running: Deployment) -> None:
    """Connections opened and dropped, requests cut off: the portal's files and threads don't grow."""
    assert running.portal is not None
    place = Path(f"/proc/{running.portal.process.pid}")
    count(running)
    before = len(list((place / "fd").iterdir())), len(list((place / "task").iterdir()))
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", running.portal_port)) as rude:
            rude.sendall(b"POST /api/v1/query/count HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    for _ in range(20):
        count(running)
    for _ in range(100):
        after = len(list((place / "fd").iterdir())), len(list((place / "task").iterdir()))
        if after[0] <= before[0] + 4 and after[1] <= before[1] + 8:
            return
        threading.Event().wait(0.2)
    raise AssertionError(f"{before} files and threads became {after}")


def test_the_processes_end_when_they_are_told(tmp_path: Path, three_stores: list[Path]) -> None:
    deployment = Deployment(tmp_path, {store.name: store for store in three_stores}, installed=True)
    deployment.start()
    processes: list[Process] = [*deployment.sensors.values()]
    assert deployment.portal is not None
    for process in [*processes, deployment.portal]:
        process.signal(signal.SIGTERM)
    for process in [*processes, deployment.portal]:
        assert process.process.wait(timeout=60) == 0
        process.until("stopped")
        process.end()
