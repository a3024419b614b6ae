"""Several rings on one interface: the kernel gives all packets from one address and port to another to one of them, so a
worker that is handed a RST has seen its SYN."""

from __future__ import annotations

import ctypes
import os
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ims.capture.afpacket import Ring, interface
from ims.capture.bpf import program
from ims.simulate.namespaces import may_make_namespaces

from ..stores import needs_programs
from .lab import CLONE_NEWNET, Lab

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)
RINGS = 2
GROUP = 0x1234
"""Of the rings beside the sensor's, which have a group of their own."""
BLOCKS = 256
"""The kernel closes one each time that a packet was slow to come, so each packet may take one of its own."""
ETHERNET = 14
SYN, RST = 0x02, 0x04
ONE_BY_ONE = ("--max-parallelism", "1", "--max-retries", "0", "--min-rtt-timeout", "5s", "--max-rtt-timeout", "9s")
"""So none is asked twice, and each RST has left before the next SYN."""


def rings_in(namespace: str) -> list[Ring]:
    """Rings that share eth0's packets to the dark addresses, opened in a namespace."""

    def opened() -> list[Ring]:
        with Path(f"/run/netns/{namespace}").open("rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        device = interface("eth0")
        code = program([(0xC6336400, 0xC63364FF)], device.has_link_header)
        return [Ring(device, BLOCKS, code, GROUP) for _ in range(RINGS)]

    with ThreadPoolExecutor(1) as pool:  # a thread that is in the namespace, and ends there
        return pool.submit(opened).result()


def packets_of(ring: Ring) -> Iterator[bytes]:
    """The IPv4 packets that a ring holds, until none comes any more."""
    while ring.wait(0.2):
        frames = ring.next()
        assert frames is not None
        for at, length in zip(frames.offset[: frames.count], frames.captured[: frames.count], strict=True):
            yield frames.octets[at : at + length].tobytes()[ETHERNET:]
        ring.release()


@needs_programs("nmap")
def test_every_reset_of_a_scanner_finds_its_syn(lab: Lab) -> None:
    """A system that knows nothing of nmap's SYNs refuses each SYN-ACK."""
    sensor = lab.sensor(settings=f"workers = {RINGS}")
    with ExitStack() as stack:
        rings = [stack.enter_context(closing(ring)) for ring in rings_in(lab.machine)]
        done = lab.run("nmap", "-sS", "-n", "-Pn", "-p", "1-100", *ONE_BY_ONE, "-oG", "-", "198.51.100.11")
        assert done.stdout.count("/open/tcp/") == 100, done.stdout
        reset = "dst host 198.51.100.11 and tcp[tcpflags] & tcp-rst != 0"
        assert sensor.wait_for_packets(100, reset) == 100
        categories = sensor.answer("top", "category", reset)
        assert categories == [{"category": "session", "value": 100}]

        seen: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
        for number, ring in enumerate(rings):
            for packet in packets_of(ring):
                if packet[9] == 6:
                    seen[packet[12:24]].append((number, packet[33]))
    assert len(seen) == 100
    assert all([flags for _, flags in flow] == [SYN, RST] for flow in seen.values())
    of_flow = [{number for number, _ in flow} for flow in seen.values()]
    assert all(len(numbers) == 1 for numbers in of_flow)
    assert set.union(*of_flow) == set(range(RINGS)), "all went to one ring, so this shows nothing"
    assert sensor.stop() == 0
