"""The machine of a sensor: its addresses and gateways, which no block may cover."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple

from pyroute2 import IPRoute

from ims.darknet import Darknet


class Host(NamedTuple):
    """IPv4 addresses of a machine's interfaces, and the gateways of its default routes."""

    addresses: dict[ipaddress.IPv4Address, str]
    """and the interface that has each"""
    gateways: list[ipaddress.IPv4Address]


def this_host() -> Host:
    """The machine's present addresses and gateways."""
    with IPRoute() as route:
        names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in route.get_links()}
        addresses = {
            found.get_attr("IFA_LOCAL") or found.get_attr("IFA_ADDRESS"): names.get(found["index"], "?")
            for found in route.get_addr(family=socket.AF_INET)
        }
        gateways = [found.get_attr("RTA_GATEWAY") for found in route.get_default_routes(family=socket.AF_INET)]
    addressed = {ipaddress.IPv4Address(address): name for address, name in addresses.items()}
    return Host(addressed, [ipaddress.IPv4Address(gateway) for gateway in gateways if gateway])


def refuse_own(darknet: Darknet, host: Host) -> None:
    """Raises ValueError where a block covers an address of this machine or its gateway: answering for it would take
    the machine off the network."""
    for block in darknet.blocks:
        for address, interface in host.addresses.items():
            if address in block.prefix:
                raise ValueError(
                    f"block {block.name}={block.prefix} covers {address}, which is this machine's own on {interface}"
                )
        for gateway in host.gateways:
            if gateway in block.prefix:
                raise ValueError(f"block {block.name}={block.prefix} covers {gateway}, this machine's default gateway")
