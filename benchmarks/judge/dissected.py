"""What tshark sees of a capture, frame by frame, without reassembly."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HEADER_CLAIMED = "header_claimed"
"""No column: what a TCP header says of its own length."""
IP = {
    "ip.src": "source", "ip.dst": "destination", "ip.proto": "protocol", "ip.id": "ip_id", "ip.ttl": "ttl",
    "ip.dsfield": "tos", "ip.len": "total_length",
}  # fmt: skip
ABOVE = {
    "tcp": {
        "tcp.srcport": "source_port", "tcp.dstport": "destination_port", "tcp.flags": "tcp_flags",
        "tcp.seq_raw": "tcp_sequence", "tcp.ack_raw": "tcp_acknowledgment", "tcp.window_size_value": "tcp_window",
        "tcp.urgent_pointer": "tcp_urgent", "tcp.options": "tcp_options",
        "tcp.hdr_len": HEADER_CLAIMED,
    },
    "udp": {"udp.srcport": "source_port", "udp.dstport": "destination_port"},
    "icmp": {"icmp.type": "icmp_type", "icmp.code": "icmp_code"},
    "sctp": {"sctp.srcport": "source_port", "sctp.dstport": "destination_port"},
}  # fmt: skip
FRAGMENT = ("ip.flags.df", "ip.flags.mf", "ip.flags.rb", "ip.frag_offset")
FIELDS = ("frame.number", "frame.time_epoch", "frame.len", "frame.cap_len", "frame.protocols", *IP, *FRAGMENT,
          *(name for names in ABOVE.values() for name in names))  # fmt: skip
PREFERENCES = (
    "ip.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE", "tcp.relative_sequence_numbers:FALSE",
    "tcp.analyze_sequence_numbers:FALSE", "ip.tso_support:TRUE", "sctp.reassembly:FALSE",
)  # fmt: skip
DECODE_AS = ("udp.port==8472,vxlan", "udp.port==4789,vxlan", "udp.port==6081,geneve")
FILES = {"json", "mime_dlt"}
"""What Wireshark makes of a file that is no capture, and begins like one of text or a picture: a single frame."""


@dataclass(frozen=True)
class Frame:
    """One frame: its IPv4 layers from the outermost on, and the layers' names."""

    number: int
    time_ns: int
    length: int
    captured: int
    protocols: tuple[str, ...]
    fields: dict[str, tuple[str, ...]] = field(repr=False)

    @property
    def destinations(self) -> tuple[str, ...]:
        return self.fields["ip.dst"]

    def layer(self, which: int) -> dict[str, str]:
        """Column -> what tshark shows, of the IPv4 packet number `which` and of the transport header right above."""
        found = {name: self.fields[key][which] for key, name in IP.items() if which < len(self.fields[key])}
        parts = [self.fields[key] for key in FRAGMENT]
        if all(which < len(part) for part in parts):
            dont, more, reserved, offset = (part[which] for part in parts)
            bits = int(reserved, 0) << 15 | int(dont, 0) << 14 | int(more, 0) << 13 | int(offset, 0)
            found["ip_fragment"] = str(bits)
        at = [place for place, name in enumerate(self.protocols) if name == "ip"]
        if which >= len(at) or at[which] + 1 >= len(self.protocols):
            return found
        above = self.protocols[at[which] + 1]
        before = self.protocols[: at[which]].count(above)
        present = self.protocols.count(above)
        for key, name in ABOVE.get(above, {}).items():
            values = self.fields[key]
            # A header that is cut has some of its fields: which ones are whose is known only where all have them.
            if len(values) == present and before < len(values):
                found[name] = values[before].removeprefix("<MISSING>")
        return found


@dataclass
class Dissection:
    """A capture by tshark."""

    frames: list[Frame]
    status: int
    complaint: str

    @property
    def refused(self) -> bool:
        """It is no capture to tshark."""
        return (
            self.status != 0
            and not self.frames
            and re.search(
                r"isn't a capture file|can't be opened|unsupported|not supported|not be opened|network type",
                self.complaint,
            )
            is not None
        )

    @property
    def damaged(self) -> bool:
        """It read so far, and then complained."""
        return self.status != 0 and not self.refused


def dissect(path: Path) -> Dissection:
    """Every frame of a capture."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for rule in DECODE_AS:
        command += ["-d", rule]
    for name in FIELDS:
        command += ["-e", name]
    with tempfile.TemporaryDirectory() as home:  # no one's preferences
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            env=os.environ | {"HOME": home, "XDG_CONFIG_HOME": home},
        )  # fmt: skip
    frames = [_frame(line.split("\t")) for line in done.stdout.splitlines()]
    complaint = " ".join(line for line in done.stderr.splitlines() if line and not line.startswith("Running as user"))
    if frames and all(frame.protocols[0] in FILES for frame in frames):
        return Dissection([], 2, f"isn't a capture file (shown as {frames[0].protocols[0]})")
    return Dissection([one for one in frames if not _pseudo(one, path)], done.returncode, complaint)


def _frame(values: Sequence[str]) -> Frame:
    by_name = dict(zip(FIELDS, values, strict=True))
    seconds, _, fraction = by_name["frame.time_epoch"].lstrip("-").partition(".")
    time_ns = int(seconds or 0) * 1_000_000_000 + int((fraction + "0" * 9)[:9])
    if by_name["frame.time_epoch"].startswith("-"):
        time_ns = -time_ns
    fields = {name: tuple(by_name[name].split("|")) if by_name[name] else () for name in FIELDS[5:]}
    return Frame(
        int(by_name["frame.number"]), time_ns, int(by_name["frame.len"]), int(by_name["frame.cap_len"] or 0),
        tuple(by_name["frame.protocols"].split(":")), fields,
    )  # fmt: skip


def _pseudo(frame: Frame, path: Path) -> bool:
    """tshark numbers records of pcapng that are no packets (custom blocks, a journal's entries) as frames, too."""
    return path.suffix == ".pcapng" and frame.protocols in (("data",), ("systemd_journal",), ("sysdig",))
