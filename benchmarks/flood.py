"""Synthetic packets as fast as one core sends them, from a namespace into the wire of a sensor under test.

    python -m benchmarks.flood KIND INTERFACE MAC [--packets N] [--rate PPS] [--seed N] [--port N]

KIND: `syn` (from random sources to every dark address and port), `payload` (UDP, every payload another one), `fragment`
(of datagrams that never become whole). Sources are of 198.18.0.0/15, destinations of 198.51.100.0/24: nothing that is
routed anywhere. It says {"sent": …, "seconds": …} when it ends.
"""

from __future__ import annotations

import argparse
import json
import os
import time

import numpy as np

from ims.capture.afpacket import interface
from ims.capture.transmit import Outgoing
from ims.kernels import kernel
from ims.packet.checksum import expected_field, ones_sum, pseudo_header
from ims.packet.octets import put16, put32
from ims.respond.reply import free_slot, hand_over

KINDS = ("syn", "payload", "fragment")
SYN, PAYLOAD, FRAGMENT = range(3)
SOURCES, DARK = 0xC6120000, 0xC6336400
TEXT = 96
NOBODY = bytes.fromhex("020000000099")
"""Where packets say they come from: answers cross the wire, and the peer's kernel doesn't look into them."""


@kernel
def fill(slots, wanted, kind, dice, link, to_port):
    """Fill up to `wanted` free slots; returns how many. `dice`: a state (xorshift64), and a counter. `to_port`: of all
    packets; -1: any."""
    out, state, layout = slots.octets, slots.state, slots.layout
    for filled in range(wanted):
        slot = free_slot(out, state, layout)
        if slot < 0:
            return filled
        x = dice[0]
        x ^= x << np.uint64(13)
        x ^= x >> np.uint64(7)
        x ^= x << np.uint64(17)
        dice[0] = x
        dice[1] += np.uint64(1)
        at = slot + layout[1]
        for i in range(14):
            out[at + i] = link[i]
        source = SOURCES | np.int64(x & np.uint64(0x1FFFF))
        destination = DARK | np.int64(x >> np.uint64(17) & np.uint64(0xFF))
        port = np.int64(x >> np.uint64(25) & np.uint64(0xFFFF)) if to_port < 0 else to_port
        other = np.int64(x >> np.uint64(41) & np.uint64(0xFFFF))
        ip, rest = at + 14, at + 34
        protocol, length = 17, 8 + TEXT
        if kind == SYN:
            protocol, length = 6, 24
        put16(out, ip, 0x4500)
        put16(out, ip + 2, 20 + length)
        put16(out, ip + 4, np.int64(dice[1] & np.uint64(0xFFFF)))
        put16(out, ip + 6, 0x2000 if kind == FRAGMENT else 0x4000)
        put16(out, ip + 8, 64 << 8 | protocol)
        put16(out, ip + 10, 0)
        put32(out, ip + 12, source)
        put32(out, ip + 16, destination)
        put16(out, ip + 10, expected_field(ones_sum(out, ip, 20), 0))
        put16(out, rest, other)
        put16(out, rest + 2, port)
        if kind == SYN:
            put32(out, rest + 4, np.int64(x >> np.uint64(20) & np.uint64(0xFFFFFFFF)))
            put32(out, rest + 8, 0)
            put16(out, rest + 12, 6 << 12 | 2)
            put16(out, rest + 14, 64240)
            put32(out, rest + 16, 0)
            put32(out, rest + 20, 0x020405B4)
            total = pseudo_header(source, destination, 6, length) + ones_sum(out, rest, length)
            put16(out, rest + 16, expected_field(total, 0))
        else:
            put16(out, rest + 4, length)
            put16(out, rest + 6, 0)  # none: allowed by UDP
            for i in range(rest + 8, rest + 8 + TEXT):
                out[i] = 0x2E
            put32(out, rest + 8, np.int64(dice[1] & np.uint64(0xFFFFFFFF)))
            put32(out, rest + 12, np.int64(dice[1] >> np.uint64(32)))
            put32(out, rest + 16, np.int64(x & np.uint64(0xFFFFFFFF)))
        hand_over(out, state, layout, slot, 14 + 20 + length)
    return wanted


def flood(
    kind: str, device: str, mac: str, packets: int, rate: float | None, seed: int, port: int = -1
) -> dict[str, float]:
    """Send `packets`; returns how many left, and the seconds they took."""
    found = interface(device)
    link = np.frombuffer(bytes.fromhex(mac.replace(":", "")) + NOBODY + b"\x08\x00", np.uint8)
    dice = np.array([seed * 0x9E3779B97F4A7C15 % (1 << 64) | 1, 0], np.uint64)
    wire = Outgoing(found, blocks=1)
    number = KINDS.index(kind)
    fill(wire.slots, 0, number, dice, link, port)
    begin, sent = time.perf_counter(), 0
    while sent < packets:
        due = packets if rate is None else min(packets, int((time.perf_counter() - begin) * rate) + 1)
        if due == sent:
            time.sleep(0.001)
            continue
        sent += fill(wire.slots, min(due - sent, 1024), number, dice, link, port)
        wire.send()
    while wire.slots.octets.reshape(-1, 256)[:, 0].any():
        wire.send()
    seconds = time.perf_counter() - begin
    wire.close()
    return {"sent": sent, "seconds": seconds, "cpu_seconds": sum(os.times()[:2])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.flood")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("interface")
    parser.add_argument("mac")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=-1)
    given = parser.parse_args()
    print(json.dumps(flood(given.kind, given.interface, given.mac, given.packets, given.rate, given.seed, given.port)))
