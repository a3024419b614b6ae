"""How long a SYN waits for its SYN-ACK where nothing else is going on: one probe at a time, at random moments.

    python -m benchmarks.latency INTERFACE MAC COUNT

It says {"milliseconds": [...], "unanswered": N}.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
import time

from benchmarks.flood import DARK, NOBODY, SOURCES

ETH_P_IP = 0x0800
SECONDS = 0.2


def ones(octets: bytes) -> int:
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(link: bytes, port: int) -> bytes:
    """A SYN with right checksums, from a port that tells it from the others."""
    addresses = struct.pack(">II", SOURCES | 77, DARK | 7)
    tcp = struct.pack(">HHIIHHHH", port, 80, 1000, 0, 5 << 12 | 2, 64240, 0, 0)
    tcp = tcp[:16] + struct.pack(">H", ones(addresses + struct.pack(">HH", 6, len(tcp)) + tcp)) + tcp[18:]
    head = struct.pack(">HHIBBH", 0x4500, 40, 0, 64, 6, 0) + addresses
    return link + head[:10] + struct.pack(">H", ones(head)) + head[12:] + tcp


def main(device: str, mac: str, count: int) -> None:
    dice = random.Random(1)  # moments, no secret
    link = bytes.fromhex(mac.replace(":", "")) + NOBODY + struct.pack(">H", ETH_P_IP)
    taken, unanswered = [], 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP)) as wire:
        wire.bind((device, ETH_P_IP))
        wire.settimeout(SECONDS)
        for number in range(count):
            time.sleep(dice.uniform(0.002, 0.02))
            port = 20_000 + number % 40_000
            frame = syn(link, port)
            begin = time.perf_counter_ns()
            wire.send(frame)
            try:
                while (got := wire.recv(256))[36:38] != struct.pack(">H", port) or got[:6] != NOBODY:
                    pass
            except TimeoutError:
                unanswered += 1
                continue
            taken.append((time.perf_counter_ns() - begin) / 1e6)
    print(json.dumps({"milliseconds": taken, "unanswered": unanswered}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
