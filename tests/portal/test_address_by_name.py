"""A sensor whose address is a name: found by a DNS server of Debian's, lost with it, and found again by itself."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ims.simulate.namespaces import ip, may_make_namespaces

from ..stores import needs_programs
from .deployment import Deployment

NAME = "sensor-a.example.net"
pytestmark = [
    pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"),
    needs_programs("dnsmasq"),
]


@pytest.fixture
def place() -> Iterator[str]:
    """A network namespace whose DNS server is to be on its own loopback."""
    name = f"ims-dns-{secrets.token_hex(4)}"
    settings = Path("/etc/netns") / name
    try:
        settings.mkdir(parents=True)
        (settings / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        ip(f"netns add {name}")
        ip(f"-n {name} link set lo up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)
        shutil.rmtree(settings, ignore_errors=True)


@contextmanager
def dns(place: str, folder: Path) -> Iterator[None]:
    """A DNS server there that knows NAME, while this lasts."""
    words = "--keep-in-foreground --conf-file= --no-resolv --no-hosts --listen-address=127.0.0.1 --user=root"
    known = f"--local=/net/ --host-record={NAME},127.0.0.1 --pid-file={folder}/dns.pid"
    command = ["ip", "netns", "exec", place, "dnsmasq", *words.split(), *known.split()]
    with (folder / "dns.log").open("ab") as log:
        server = subprocess.Popen(command, stderr=log)
    try:
        yield
    finally:
        server.terminate()
        server.wait(60)


def test_a_name_that_dns_knows_again_is_found_by_itself(place: str, tmp_path: Path, one_store: Path) -> None:
    there = ("ip", "netns", "exec", place)
    deployment = Deployment(tmp_path / "D", {"a": one_store})
    deployment.register(a=f"{NAME}:{deployment.ports['a']}")

    def start_sensor() -> None:
        deployment.start_sensor("a", there).until("listening")

    try:
        start_sensor()
        portal = deployment.start_portal(there)
        said = portal.until("sensor", state="silent")
        assert said["why"] == "it can't be reached: its name has no address (DNS)"
        assert NAME in said["detail"]
        with dns(place, tmp_path):
            portal.until("sensor", state="answers")
        begin = len(portal.said)
        deployment.sensors["a"].end()
        portal.until("sensor", state="silent", why=said["why"], since=begin)
        with dns(place, tmp_path):
            portal.until("sensor", why="it can't be reached: nobody listens at its port", since=begin)
            start_sensor()
            portal.until("sensor", state="answers", since=begin)
    finally:
        deployment.stop()
