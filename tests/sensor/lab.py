"""Two network namespaces with a wire between them: a sensor's, and one in which real programs run.

198.18.0.1 is the peer, 198.18.0.2 the sensor's machine; 198.51.100.0/24 is dark and on-link (the sensor answers ARP).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from ..stores import IMS

PEER, MACHINE, DARK = "198.18.0.1", "198.18.0.2", "198.51.100.0/24"
CONFIG = """
name = "a"
store = "{store}"
interfaces = ["eth0"]
arp = true
reply_limit = "none"
global_limit = "none"
{settings}
[[block]]
name = "C/24"
prefix = "198.51.100.0/24"
policy = {policy}
echo = true
"""
DEADLINE = 60


def may_make_namespaces() -> bool:
    """Whether this is root, and `ip netns` works."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"ims-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "del", name], check=False)
    return made


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


class Lab:
    """The namespaces. `folder` is open to every user, so that the sensor can become one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for parent in [folder, *folder.parents][:-2]:
            with contextlib.suppress(PermissionError):
                parent.chmod(parent.stat().st_mode | 0o055)
        self.peer, self.machine = (f"ims-{os.getpid()}-{end}" for end in ("peer", "machine"))
        self.sensors: list[Sensor] = []

    def __enter__(self) -> Lab:
        for name in (self.peer, self.machine):
            ip(f"netns add {name}")
            ip(f"-n {name} link set lo up")
        ip(f"link add eth0 netns {self.peer} type veth peer name eth0 netns {self.machine}")
        for name, address in ((self.peer, PEER), (self.machine, MACHINE)):
            ip(f"-n {name} addr add {address}/15 dev eth0")
            ip(f"-n {name} link set eth0 up")
        ip(f"-n {self.peer} route add {DARK} dev eth0")
        return self

    def __exit__(self, *_error: object) -> None:
        for sensor in self.sensors:
            sensor.kill()
        for name in (self.peer, self.machine):
            subprocess.run(["ip", "netns", "del", name], check=False)

    def run(self, *words: str | Path, timeout: float = DEADLINE, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program at the peer's end, to its end."""
        command = ["ip", "netns", "exec", self.peer, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)

    def mac(self) -> str:
        """Of the sensor's machine."""
        words = ["ip", "-j", "-n", self.machine, "link", "show", "eth0"]
        found = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        return str(found[0]["address"])

    def sensor(self, policy: str = '"ack"', settings: str = "", store: str = "STORE", wait: bool = True) -> Sensor:
        """Start a sensor and wait until it watches."""
        path = self.folder / store
        config = self.folder / f"{store}.toml"
        config.write_text(CONFIG.format(store=path, policy=policy, settings=settings))
        started = Sensor(self, config, path)
        self.sensors.append(started)
        if wait:
            started.wait_for("watching")
        return started


class Sensor:
    """A running `ims sensor`."""

    def __init__(self, lab: Lab, config: Path, store: Path) -> None:
        self.lab, self.config, self.store = lab, config, store
        command = ["ip", "netns", "exec", lab.machine, IMS, "sensor", "--config", config]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.said: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.said.append(line)
                self._news.notify_all()
        with self._news:
            self.said.append("")
            self._news.notify_all()

    def wait_for(self, words: str, seconds: float = 120) -> str:
        """Wait until it has said something."""

        def found() -> str | None:
            return next((line for line in self.said if words in line), None)

        with self._news:
            done = self._news.wait_for(lambda: found() is not None or "" in self.said, seconds)
        line = found()
        assert done and line is not None, "".join(self.said)
        return line

    def count(self, expression: str = "") -> int:
        """Packets stored that a filter chooses."""
        words = [
            IMS,
            "query",
            "count",
            *([expression] if expression else []),
            "--store",
            self.store,
            "--format",
            "json",
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return int(json.loads(done.stdout)["packets"]) if done.returncode == 0 else 0

    def wait_for_packets(self, count: int, expression: str = "", seconds: float = DEADLINE) -> int:
        """Wait until so many are stored; returns how many there are."""
        end = time.monotonic() + seconds
        while (found := self.count(expression)) < count:
            assert time.monotonic() < end, f"{found} of {count} packets {expression}: {''.join(self.said)}"
            assert self.process.poll() is None, "".join(self.said)
        return found

    def answer(self, *words: str) -> Any:
        """What `ims query` says, as JSON."""
        done = subprocess.run(
            [IMS, "query", *words, "--store", self.store, "--format", "json"],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    @property
    def pid(self) -> int:
        """Of `ims` itself: `ip netns exec` becomes it."""
        return self.process.pid

    def stop(self) -> int:
        """End it as systemd would; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(DEADLINE)
