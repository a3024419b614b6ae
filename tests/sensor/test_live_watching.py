"""Watching a sensor: a terminal shows what comes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

import pytest

from ims.simulate.namespaces import may_make_namespaces

from ..stores import IMS
from .lab import DEADLINE, Lab

live = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")


@live
def test_a_terminal_shows_what_comes(lab: Lab) -> None:
    master, slave = pty.openpty()
    command = lab.at_machine(IMS, "sensor", "--interface", "eth0", "--store", lab.folder / "STORE", "--sensor", "a")
    command += ["--block", "C/24=198.51.100.0/24", "--arp"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stderr=slave, stdout=subprocess.DEVNULL, env=environment) as process:
        os.close(slave)
        shown = b""
        while b"packets" not in shown:
            shown += os.read(master, 4096)
        lab.run("curl", "-s", "-m", "1", "http://198.51.100.7/here")
        while b"newest: GET /here HTTP/1.1..Host" not in shown:
            shown += os.read(master, 4096)
        process.send_signal(signal.SIGINT)
        while b"packets stored" not in shown:
            shown += os.read(master, 4096)
        assert process.wait(DEADLINE) == 0
    os.close(master)
