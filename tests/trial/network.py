"""The machines' network: a router, and behind it every other machine on a cable of its own, all in 192.0.2.0/24."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from .machine import Machine

ROUTER = "192.0.2.1"
ADDRESSES = {
    "sensor-a": "192.0.2.10", "portal": "192.0.2.20", "sensor-b": "192.0.2.30", "desk": "192.0.2.40",
}  # fmt: skip
NAMES = {
    "sensor-a.example.net": "192.0.2.10", "portal.example.net": "192.0.2.20", "s3.example.net": ROUTER,
}  # fmt: skip
"""What a name server would say."""


def connect(router: Machine, machines: Mapping[str, Machine]) -> None:
    """Cables, addresses, routes and names. Machines without an address here stay without a network."""
    router.run("sysctl -qw net.ipv4.ip_forward=1; ip link set lo up")
    for name, address in ADDRESSES.items():
        machine, end = machines[name], f"to-{name}"
        cable(machine, router, ("eth0", end))
        router.run(
            f"ip link set {end} up\nip address add {ROUTER}/32 dev {end}\nip route add {address}/32 dev {end}\n"
            f"sysctl -qw net.ipv4.conf.{end}.proxy_arp=1"
        )
        machine.run(
            f"ip link set lo up; ip link set eth0 up\nip address add {address}/24 dev eth0\n"
            f"ip route add default via {ROUTER}"
        )
        with machine.path("/etc/hosts").open("a") as hosts:
            hosts.write(f"127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n")  # as Debian's installer does; Spark asks for both
            hosts.writelines(f"{address}\t{name}\n" for name, address in NAMES.items())


def cable(one: Machine, other: Machine, ends: tuple[str, str]) -> None:
    """A cable between two machines, by the names that its ends have there."""
    subprocess.run(
        ["ip", "link", "add", ends[0], "netns", str(one.first), "type", "veth", "peer", "name", ends[1], "netns",
         str(other.first)], check=True,
    )  # fmt: skip
