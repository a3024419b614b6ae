"""How many packets tcpdump prints, by filter."""

from __future__ import annotations

import subprocess
from pathlib import Path

EXPRESSIONS = (
    "tcp", "udp", "icmp", "not tcp", "not (tcp or udp or icmp)", "ip proto 47", "ip proto 132",
    "port 53", "tcp port 80", "udp dst port 1434", "dst port 445", "src portrange 1024-5000", "not port 80",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", "tcp[tcpflags] & tcp-rst != 0", "tcp[13] = 18",
    "tcp[12] >> 4 = 5", "tcp[12] >> 4 > 5", "tcp[14:2] > 1024", "tcp[4:4] > 0x7fffffff", "tcp[20] = 2",
    "tcp and ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0",
    "not (tcp[13] & 2 != 0)", "udp[4:2] = 384", "udp[4:2] > 100", "udp[8] = 0", "udp[6:2] = 0",
    "icmp[icmptype] = icmp-echo", "icmp[1] != 0", "icmp[4:4] > 100",
    "ip[0] & 0xf = 5", "ip[0] & 0xf > 5", "not (ip[0] & 0xf = 5)", "ip[6:2] & 0x1fff != 0", "ip[6:2] & 0x2000 != 0",
    "ip[8] < 64", "ip[1] = 0", "ip[4:2] = 0", "ip[2:2] > 60", "ip[20:2] = 80", "ip[40] = 2", "not ip[40] = 2",
    "ip[2:2] = 0", "net 10.0.0.0/8", "src net 192.0.2.0/24", "less 64", "greater 500", "len > 100",
    "tcp or ip[60] = 0", "ip[60] = 0 or tcp", "ip[10:2] != 0 and ip[9] = 17",
)  # fmt: skip
"""What is counted by both: each kind of primitive, and octets that cut and odd packets lack."""
OF_THE_FRAME = ("less", "greater", "len")
"""These count a frame's octets, so an Ethernet header too: asked of the export alone, which has none."""


def count(path: Path, expression: str) -> int | str:
    """How many packets of the capture tcpdump prints; what it says where it doesn't."""
    done = subprocess.run(
        ["tcpdump", "-nn", "-r", str(path), "--count", "--", expression], capture_output=True, text=True, check=False
    )
    if "expression rejects all packets" in done.stderr:
        return 0
    if done.returncode != 0 or not done.stdout:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "nothing"
    return int(done.stdout.split(" ", 1)[0])
