"""What systemd is told goes to the socket that it names: one in a folder, or one without a file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ims.process.service_manager import tell_systemd


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_the_state_arrives_whole_as_one_datagram(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(tmp_path / "notify") if kind == "file" else f"ims-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name if kind == "file" else "\0" + name)
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name if kind == "file" else "@" + name)
        tell_systemd("READY=1")
        tell_systemd("STOPPING=1")
        assert [manager.recv(100), manager.recv(100)] == [b"READY=1", b"STOPPING=1"]


@pytest.mark.parametrize("value", [None, ""])
def test_where_nobody_started_us_nobody_is_told(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", value)
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a socket was made"))
    tell_systemd("READY=1")


def test_a_manager_that_is_gone_is_an_error_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError):
        tell_systemd("READY=1")
