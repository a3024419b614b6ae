"""Scenarios written on the spot, and their captures read again, whole columns at a time: shares no code with what it
judges (and `pcap_by_hand` reads the same packet by packet)."""

from __future__ import annotations

import io
import ipaddress
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ims.simulate.output.capture import write_scenario
from ims.simulate.scenario.scenario import Scenario, scenario_of

BLOCK = {"name": "C/24", "prefix": "198.51.100.0/24"}
START_NS = 1_772_582_400 * 10**9
"""2026-03-04 00:00 UTC"""
HOUR_NS = 3600 * 10**9
TCP, UDP, ICMP = 6, 17, 1
SYN, RST, PSH, ACK = 2, 4, 8, 16


def scenario(**tables: Any) -> Scenario:
    """A day on one /24, and what is named."""
    usual = {"title": "a test", "start": "2026-03-04", "duration": "1d", "block": [BLOCK]}
    return scenario_of(usual | tables)


def simulated(seed: int = 1, **tables: Any) -> tuple[Capture, dict[str, Any]]:
    """The capture and the truth of `scenario(**tables)`."""
    file = io.BytesIO()
    truth = write_scenario(scenario(**tables), file, seed=seed)
    return Capture(file.getvalue()), truth


def number(address: str) -> int:
    return int(ipaddress.IPv4Address(address))


@dataclass
class Capture:
    """Columns of a pcap of IPv4 on Ethernet, as int64. Ports are 0 for ICMP, `type` and `code` for TCP and UDP."""

    data: bytes

    def __post_init__(self) -> None:
        octets = np.frombuffer(self.data, np.uint8)
        magic = struct.unpack_from("<I", self.data)[0]
        unit = {0xA1B23C4D: 1, 0xA1B2C3D4: 1000}[magic]
        starts, at, end = array("q"), 24, len(self.data)
        while at < end:
            starts.append(at)
            at += 16 + int.from_bytes(self.data[at + 8 : at + 12], "little")
        assert at == end
        begin = np.frombuffer(starts, np.int64) + 16 if starts else np.zeros(0, np.int64)

        def big(offset: int, size: int) -> Any:
            total = np.zeros(begin.size, np.int64)
            for k in range(size):
                total <<= 8
                total |= octets.take(begin + (offset + k), mode="clip")  # a short last frame lacks TCP's fields
            return total

        def little(offset: int) -> Any:
            return sum(octets[begin + offset + k].astype(np.int64) << 8 * k for k in range(4))

        self.time = little(-16) * 10**9 + little(-12) * unit
        self.length = little(-8)
        assert (self.length == little(-4)).all()
        assert (big(12, 2) == 0x0800).all()
        assert (big(14, 1) == 0x45).all()
        assert (big(16, 2) == self.length - 14).all()
        self.begin = begin
        self.ip_id, self.fragment, self.ttl, self.protocol = big(18, 2), big(20, 2), big(22, 1), big(23, 1)
        self.source, self.destination = big(26, 4), big(30, 4)
        tcp, udp, icmp = self.protocol == TCP, self.protocol == UDP, self.protocol == ICMP
        assert (tcp | udp | icmp).all()
        self.source_port, self.destination_port = np.where(icmp, 0, big(34, 2)), np.where(icmp, 0, big(36, 2))
        self.type, self.code = np.where(icmp, big(34, 1), 0), np.where(icmp, big(35, 1), 0)
        self.sequence, self.acknowledgment = np.where(tcp, big(38, 4), 0), np.where(tcp, big(42, 4), 0)
        self.flags, self.window = np.where(tcp, big(47, 1), 0), np.where(tcp, big(48, 2), 0)
        self.header = np.where(tcp, (big(46, 1) >> 4) * 4, 8)
        self.speaks = self.length - 34 - self.header
        assert (self.speaks >= 0).all()

    def __len__(self) -> int:
        return int(self.begin.size)

    def payload(self, index: int) -> bytes:
        """All after the TCP or UDP header, or after ICMP's first 8 octets."""
        at = int(self.begin[index] + 34 + self.header[index])
        return self.data[at : at + int(self.speaks[index])]

    def payloads(self, chosen: Any) -> list[bytes]:
        """The payloads of the chosen packets (a mask)."""
        return [self.payload(index) for index in np.flatnonzero(chosen).tolist()]

    def options(self, index: int) -> bytes:
        at = int(self.begin[index])
        return self.data[at + 54 : at + 34 + int(self.header[index])]

    @property
    def hour(self) -> Any:
        """Hours since START_NS."""
        return (self.time - START_NS) / HOUR_NS

    @property
    def syn(self) -> Any:
        """SYNs without ACK."""
        return (self.flags & (SYN | ACK)) == SYN


def capture_of(path: Path) -> Capture:
    return Capture(path.read_bytes())
