"""Two network namespaces with a wire between them: a sensor's machine, and a peer where real programs run.

Nothing leaves them: 198.18.0.1 is the peer, 198.18.0.2 the machine (RFC 2544's addresses for tests), and
198.51.100.0/24 (RFC 5737's for documentation) is dark.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PEER, MACHINE, DARK = "198.18.0.1", "198.18.0.2", "198.51.100.0/24"


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
    """Run `ip` with these words. Raises CalledProcessError."""
    subprocess.run(["ip", *words.split()], check=True)


def _eth0(name: str) -> dict[str, Any]:
    """State and counters of a namespace's eth0."""
    words = ["ip", "-j", "-s", "-n", name, "link", "show", "eth0"]
    found: list[dict[str, Any]] = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return found[0]


class Namespaces:
    """Created when entered, removed when left. The peer's route to the dark addresses is the wire itself (`via` None:
    the sensor answers ARP for them) or the machine (`via` MACHINE: they are routed to it)."""

    def __init__(self, via: str | None = None) -> None:
        self.peer, self.machine = (f"ims-{os.getpid()}-{end}" for end in ("peer", "machine"))
        self._via = via

    def __enter__(self) -> Namespaces:
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self) -> None:
        for name in (self.peer, self.machine):
            ip(f"netns add {name}")
            ip(f"-n {name} link set lo up")
        ip(f"link add eth0 netns {self.peer} type veth peer name eth0 netns {self.machine}")
        for name, address in ((self.peer, PEER), (self.machine, MACHINE)):
            ip(f"-n {name} addr add {address}/15 dev eth0")
            ip(f"-n {name} link set eth0 up")
        for name in (self.peer, self.machine):
            self.wait_for_carrier(name)
        ip(f"-n {self.peer} route add {DARK} " + (f"via {self._via}" if self._via else "dev eth0"))

    def wait_for_carrier(self, name: str) -> None:
        """Wait until eth0 is up: the kernel reports the carrier to both ends after some time."""
        while _eth0(name)["operstate"] != "UP":
            pass

    def __exit__(self, *_error: object) -> None:
        for name in (self.peer, self.machine):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def at_peer(self, *words: str | Path) -> list[str]:
        """A command line that runs `words` at the peer."""
        return ["ip", "netns", "exec", self.peer, *map(str, words)]

    def at_machine(self, *words: str | Path) -> list[str]:
        """A command line that runs `words` on the sensor's machine."""
        return ["ip", "netns", "exec", self.machine, *map(str, words)]

    def mac(self, name: str | None = None) -> str:
        """Address of eth0, of the machine if no namespace is named."""
        return str(_eth0(name or self.machine)["address"])

    def received(self, name: str | None = None) -> int:
        """Frames that eth0 has received, at the peer if no namespace is named."""
        return int(_eth0(name or self.peer)["stats64"]["rx"]["packets"])
