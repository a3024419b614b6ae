"""Checks of a sensor's network for `ims doctor`: interfaces, offloads, routes, ARP, filters."""

from __future__ import annotations

import array
import contextlib
import fcntl
import ipaddress
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pyroute2 import IPRoute

from ims.capture.afpacket import interface, is_up
from ims.process.doctor import OK, WARNING, WRONG, Finding
from ims.sensor.config import SensorConfig

SIOCETHTOOL, ETHTOOL_GET_FLAGS, ETHTOOL_GET_GRO, FLAG_LRO = 0x8946, 0x25, 0x2B, 1 << 15
RTN_LOCAL, RTN_BLACKHOLE = 2, 6
ANY = ipaddress.IPv4Network((0, 0))


def interfaces(config: SensorConfig) -> Iterator[Finding]:
    """Are they there, and up?"""
    for name in config.interfaces:
        try:
            device = interface(name)
        except ValueError:  # the start's checks report it
            continue
        up = is_up(name)
        kind = "with link headers" if device.has_link_header else "frames begin at the IP header"
        yield Finding(
            OK if up else WRONG, "interfaces", f"{name} is {'up' if up else 'down'}, MTU {device.mtu}, {kind}",
            "" if up else f"ip link set {name} up",
        )  # fmt: skip


def _sysctl(name: str) -> int:
    return int(Path("/proc/sys/net/ipv4", *name.split("/")).read_text())


def route(config: SensorConfig) -> Iterator[Finding]:
    """What the kernel itself does with packets to the blocks."""
    forwarding = [name for name in config.interfaces if _sysctl(f"conf/{name}/forwarding")]
    for block in config.darknet().blocks:
        kind = _kind_of_route(str(block.prefix[min(1, block.prefix.num_addresses - 1)]))
        if kind == RTN_LOCAL:
            yield Finding(WRONG, "route", f"{block.prefix} is local: the kernel would answer with RST",
                          f"ip route replace blackhole {block.prefix}; ip addr del what covers it")  # fmt: skip
        elif forwarding and kind != RTN_BLACKHOLE:
            yield Finding(WRONG, "route", f"{forwarding[0]} forwards: the kernel would send {block.prefix} on, or "
                          "answer with ICMP", f"ip route replace blackhole {block.prefix}")  # fmt: skip
        else:
            yield Finding(OK, "route", f"the kernel does nothing with {block.prefix} itself")


def _kind_of_route(address: str) -> int | None:
    """The type (RTN_) of the longest route that covers an address; None without one."""
    found: list[tuple[int, int]] = []
    with IPRoute() as route:
        for each in route.get_routes(family=socket.AF_INET):
            target = each.get_attr("RTA_DST")
            network = ipaddress.IPv4Network(f"{target}/{each['dst_len']}", strict=False) if target else ANY
            if ipaddress.IPv4Address(address) in network:
                found.append((each["dst_len"], each["type"]))
    return max(found)[1] if found else None


def arp(config: SensorConfig) -> Iterator[Finding]:
    """Where blocks are on-link, something has to answer ARP for them."""
    if config.arp and config.respond:
        yield Finding(OK, "arp", "the sensor answers for the blocks, as where they are on-link")
        return
    with IPRoute() as route:
        links = {link["index"]: link.get_attr("IFLA_IFNAME") for link in route.get_links()}
        near = [
            (ipaddress.IPv4Network(f"{found.get_attr('IFA_ADDRESS')}/{found['prefixlen']}", strict=False),
             links.get(found["index"], "?"))
            for found in route.get_addr(family=socket.AF_INET)
        ]  # fmt: skip
    for block in config.darknet().blocks:
        for network, name in near:
            if block.prefix.subnet_of(network):
                yield Finding(WARNING, "arp", f"{block.prefix} is on {name}'s link, and nobody answers ARP for it",
                              "arp = true, unless a router sends it here")  # fmt: skip
                return
    yield Finding(OK, "arp", "not needed: blocks are routed here")


def rp_filter(config: SensorConfig) -> Iterator[Finding]:
    """It acts behind capture, but before tunnel devices."""
    for name in config.interfaces:
        if not Path("/sys/class/net", name).exists():
            continue
        strict = max(_sysctl("conf/all/rp_filter"), _sysctl(f"conf/{name}/rp_filter"))
        if strict == 1 and not interface(name).has_link_header:
            yield Finding(WARNING, "rp_filter", f"strict on {name}: a tunnel's packets may vanish before it",
                          f"sysctl -w net.ipv4.conf.{name}.rp_filter=2")  # fmt: skip
        else:
            yield Finding(OK, "rp_filter", f"{strict} on {name}: capture comes before it")


def offloads(config: SensorConfig) -> Iterator[Finding]:
    """Segments that are merged before capture count as one."""
    for name in config.interfaces:
        merging = [
            flag for flag, command, bit in (("gro", ETHTOOL_GET_GRO, 1), ("lro", ETHTOOL_GET_FLAGS, FLAG_LRO))
            if _ethtool(name, command) & bit
        ]  # fmt: skip
        if merging:
            problem = f"{' and '.join(merging)} on {name}: segments are merged and count as one packet"
            remedy = f"ethtool -K {name} " + " ".join(f"{flag} off" for flag in merging)
            yield Finding(WARNING, "offloads", problem, remedy)
        else:
            yield Finding(OK, "offloads", f"{name} merges nothing")


def _ethtool(name: str, command: int) -> int:
    value = array.array("B", struct.pack("II", command, 0))
    request = struct.pack("16sP", name.encode()[:15], value.buffer_info()[0]) + bytes(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel, contextlib.suppress(OSError):
        fcntl.ioctl(channel, SIOCETHTOOL, request)
    return int(struct.unpack_from("I", value.tobytes(), 4)[0])


def firewall(config: SensorConfig) -> Iterator[Finding]:
    """Capture comes before any firewall; but one that rejects answers too."""
    seen = []
    for program, words in (("nft", ["list", "ruleset"]), ("iptables-save", [])):
        path = shutil.which(program)
        if path is None:
            continue
        done = subprocess.run([path, *words], capture_output=True, text=True, check=False, timeout=10)
        if done.returncode:
            continue
        seen.append(program)
        if "reject" in done.stdout.lower():
            yield Finding(WARNING, "firewall", f"{program} shows a rule that rejects: it may answer with RST or ICMP",
                          "have it drop what goes to the blocks")  # fmt: skip
            return
    yield Finding(OK, "firewall", f"no rule of {' and '.join(seen)} rejects" if seen else "no nft or iptables here")
