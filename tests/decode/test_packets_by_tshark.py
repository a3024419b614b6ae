"""Packet for packet, the columns of every real capture are the fields that tshark sees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from ims.capture.open import open_source

from ..stores import CAPTURES, needs_captures
from .makers import Row, decode, dotted

MOST = 5000
"""Packets of one capture."""

IP = {
    "ip.src": "source", "ip.dst": "destination", "ip.proto": "protocol", "ip.id": "ip_id", "ip.ttl": "ttl",
    "ip.dsfield": "tos", "ip.len": "total_length",
}  # fmt: skip
ABOVE = {
    6: {
        "tcp.srcport": "source_port", "tcp.dstport": "destination_port", "tcp.flags": "tcp_flags",
        "tcp.seq_raw": "tcp_sequence", "tcp.ack_raw": "tcp_acknowledgment", "tcp.window_size_value": "tcp_window",
        "tcp.urgent_pointer": "tcp_urgent", "tcp.options": "tcp_options",
    },
    17: {"udp.srcport": "source_port", "udp.dstport": "destination_port"},
    1: {"icmp.type": "icmp_type", "icmp.code": "icmp_code"},
}  # fmt: skip
FIELDS = [*IP, *(name for names in ABOVE.values() for name in names), "ip.flags", "ip.frag_offset"]
PREFERENCES = ["ip.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE", "tcp.relative_sequence_numbers:FALSE",
               "tcp.analyze_sequence_numbers:FALSE", "ip.tso_support:TRUE"]  # fmt: skip


def by_tshark(path: Path) -> dict[int, dict[str, str]]:
    """Number of a frame -> its first fields, where it holds IPv4."""
    command = ["tshark", "-n", "-r", str(path), "-c", str(MOST), "-T", "fields", "-E", "occurrence=f"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in ("frame.protocols", *FIELDS):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = [dict(zip(("protocols", *FIELDS), line.split("\t"), strict=True)) for line in done.stdout.splitlines()]
    # tshark calls custom blocks of pcapng frames, too.
    packets = [row for row in rows if row["protocols"] != "data" or path.suffix != ".pcapng"]
    return {number: row for number, row in enumerate(packets, 1) if row["ip.src"]}


def by_us(path: Path) -> dict[int, Row]:
    """The same, of the packets stored."""
    found: dict[int, Row] = {}
    source, before = open_source(path), 0
    for frames in source:
        if before >= MOST or not frames.count:
            continue
        count = min(frames.count, MOST - before)
        numbers = np.arange(before + 1, before + 1 + frames.count) * 1000
        rows, _ = decode(frames._replace(time=np.ascontiguousarray(numbers), count=count))
        found |= {row["time"]: row for row in rows}
        before += frames.count
    source.close()
    return found


def differing(row: Row, seen: dict[str, str]) -> list[str]:
    """Names of the fields in which they differ."""
    names = dict(IP)
    offset = row["ip_fragment"] & 0x1FFF
    if not offset and row["source_port" if row["protocol"] != 1 else "icmp_type"] is not None:
        names |= ABOVE.get(row["protocol"], {})
    found = []
    for field, name in names.items():
        text, ours = seen[field], row[name]
        if name in ("source", "destination"):
            same = text == dotted(ours)
        elif name == "tcp_options":
            same = ours is None or text.lower().replace(":", "") == ours.hex()
        elif name == "tcp_flags":
            same = ours is None or int(text, 16) & 0x1FF == ours
        else:
            same = ours is None or (text != "" and int(text, 0) == ours)
        if not same:
            found.append(f"{field} {text!r}, {name} {ours!r}")
    return found


# Why tshark sees other packets or fields, from the bytes: frame -> what it is.
KNOWN: dict[str, dict[int, str]] = {
    "tcpdump-icmp-length-zero.pcapng": {1: "total length 0 (left to the hardware), for which tshark shows the frame's"},
    "mmt-23.ip_frag_overlapping.pcap": {2: "a first fragment of 8 octets, of which tshark shows the ports alone"},
    "ndpi-fuzz-2006-06-26-2594.pcap": {86: "a data offset beyond the packet: tshark shows the ports alone"},
}


@needs_captures
def test_every_packet_of_every_capture() -> None:
    compared = 0
    differences = {}
    for path in sorted(CAPTURES.iterdir()):
        if path.suffix not in (".pcap", ".cap", ".pcapng"):
            continue
        try:
            ours = by_us(path)
        except ValueError:
            continue
        theirs = by_tshark(path)
        known = KNOWN.get(path.name, {})
        for number in sorted(ours.keys() | theirs.keys()):
            if number not in ours or number not in theirs:
                found = ["only ours" if number in ours else "only tshark's"]
            else:
                found = differing(ours[number], theirs[number])
                compared += 1
            if bool(found) != (number in known):
                differences[path.name, number] = found
    assert differences == {}
    assert compared > 20_000
