"""A port that a test is given is nobody else's until its process ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .free_port import _names, free_port

ROOT = Path(__file__).parents[1]
TWENTY = "from tests import free_port as f; import itertools, os; f._next = itertools.count({}); print(*(f.free_port() for _ in range(20)))"


def test_the_system_gives_none_of_them_away() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20 and max(ports) < lowest


def test_another_run_that_begins_at_the_same_port_is_given_others() -> None:
    ours = [free_port() for _ in range(20)]
    for port in ours:  # listened at and left, as by a daemon that is started anew
        socket.create_server(("127.0.0.1", port)).close()
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", TWENTY.format(ours[0] - 10_000)]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=True)
    theirs = [int(port) for port in done.stdout.split()]
    assert len(theirs) == 20 and not set(theirs) & set(ours)


def test_one_that_others_listen_at_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = free_port()
    _names.pop().close()  # kept by nobody
    with socket.create_server(("127.0.0.1", taken)):
        monkeypatch.setattr("tests.free_port._next", iter(range(taken - 10_000, taken)))
        assert free_port() != taken
