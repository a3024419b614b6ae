"""What one writes in an afternoon: dpkt and MD5, a set of seen payloads, counts by destination port."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from pathlib import Path

import dpkt


def main(path: str) -> None:
    seen: set[bytes] = set()
    ports: Counter[tuple[int, int]] = Counter()
    packets = payloads = 0
    with Path(path).open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(frame).data
            if not isinstance(ip, dpkt.ip.IP):
                continue
            packets += 1
            transport = ip.data
            if isinstance(transport, dpkt.tcp.TCP | dpkt.udp.UDP):
                ports[ip.p, transport.dport] += 1
                payload = transport.data
            elif isinstance(transport, dpkt.icmp.ICMP):
                payload = bytes(transport)[8:]
            else:
                payload = transport
            if payload:
                payloads += 1
                seen.add(hashlib.md5(payload).digest())
    print(packets, payloads, len(seen), ports.most_common(1))


if __name__ == "__main__":
    main(sys.argv[1])
