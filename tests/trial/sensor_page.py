"""docs/sensor.md, followed: on sensor-a as printed; on sensor-b with the settings that docs/deploy.md has for it."""

from __future__ import annotations

import subprocess
import warnings

from ..made.sample import write_sample
from .deployment import Trial
from .page import Block, blocks

ASK = """
import fcntl, socket, struct, sys, termios
for port in sys.argv[2:]:
    with socket.create_connection((sys.argv[1], int(port)), 60) as asking:
        asking.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        while struct.unpack("i", fcntl.ioctl(asking, termios.TIOCOUTQ, bytes(4)))[0]:
            pass
"""
"""TIOCOUTQ: octets that the other side hasn't acknowledged, tcp(7)."""


def leave_out(what: str) -> None:
    """A warning that fails nothing, although warnings are errors in tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn(what, stacklevel=2)


def visit(trial: Trial, address: str) -> None:
    """Somebody asks a dark address for three web pages: each is acknowledged, and nothing comes."""
    trial["router"].run(f"python3 -c '{ASK}' {address} 23 80 8080")


def visited(trial: Trial, name: str, address: str) -> None:
    """Somebody came by, and it is in the store."""
    visit(trial, address)
    counted = "ims query count --store /var/lib/ims/store --format json"
    trial[name].until(f"{counted} | grep '\"packets\": *[1-9]'", "systemctl is-active --quiet ims-sensor")


def follow_sensor_page(trial: Trial) -> None:
    """All of it, at sensor-a."""

    def installed(_: Trial, block: Block) -> Block:
        """On the machine of which this one is a copy, the first lines were run (deployment.py)."""
        return block._replace(text=block.text[block.text.index("ims install-service") :])

    def tunnel(trial: Trial, block: Block) -> Block | None:
        """Where this machine's kernel has no such tunnels, the run's summary says that it was left out."""
        words = ("ip", "link", "add", "tried", "type", "gre", "local", "192.0.2.10", "remote", "192.0.2.99")
        done = subprocess.run(trial["sensor-a"].command(*words), capture_output=True, text=True, check=False)
        if "Unknown device type" in done.stderr:
            leave_out("docs/sensor.md's GRE tunnel wasn't tried: this machine's kernel has none (CONFIG_NET_IPGRE)")
            return block._replace(text="true\n")
        trial["sensor-a"].run("ip link delete tried")
        return None

    def dark_pcap(trial: Trial, _: Block) -> None:
        trial["sensor-a"].run("cd")
        write_sample(trial["sensor-a"].path("/root/dark.pcap"), packets=1000, seed=1)

    trial.follow(
        "sensor.md", "sensor-a",
        hooks={
            "apt-get install": installed,
            "type gre": tunnel,
            "payloads verified": lambda trial, _: visited(trial, "sensor-a", "198.51.100.7"),
            "--replay": dark_pcap,
        },
        not_run={"3389": "a part of settings: tests/sensor/test_packaging.py"},
    )  # fmt: skip


def follow_for_sensor_b(trial: Trial, settings: Block) -> None:
    """What docs/deploy.md says of it: the same, with settings of its own, on a copy of a machine that has installed."""
    name = "sensor-b"
    trial["router"].run("ip route add 203.0.112.0/20 via 192.0.2.30")
    trial[name].run("ip route add blackhole 203.0.112.0/20")
    for block in blocks("sensor.md"):
        if "install-service" in block.text:
            trial[name].run(block.text[block.text.index("ims install-service") :])
            trial[name].write(str(settings.file), settings.text)
        elif "systemctl enable" in block.text:
            trial[name].run(block.text)
    visited(trial, name, "203.0.112.9")
