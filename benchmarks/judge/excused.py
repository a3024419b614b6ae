"""Where ims and the others may disagree, and why. What isn't in this table is a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from benchmarks.judge.dissected import Frame


@dataclass(frozen=True)
class Excuse:
    """A frame that tshark reads as IPv4 and that isn't stored, and why that is right."""

    name: str
    applies: Callable[[Frame], bool]
    reason: str


def _before_ip(frame: Frame) -> tuple[str, ...]:
    return frame.protocols[: frame.protocols.index("ip")] if "ip" in frame.protocols else frame.protocols


def _innermost(frame: Frame) -> str:
    """The last layer that is no guess of tshark's at what pads the frame."""
    return next((name for name in reversed(frame.protocols) if name not in TRAILERS), "")


TRAILERS = ("vssmonitoring",)

NOT_STORED = (
    Excuse("in IPv6", lambda f: "ipv6" in _before_ip(f), "IPv6 is counted and not read, whatever is inside"),
    Excuse(
        "wireless",
        lambda f: bool({"wlan", "radiotap", "ppi", "wlan_radio"} & set(_before_ip(f))),
        "of 802.11 whole data frames are read that aren't encrypted, no aggregates",
    ),
    Excuse(
        "IPNET cut in its packet",
        lambda f: f.protocols[0] == "ipnet" and f.captured < f.length,
        "tshark reads it as if it began four octets on, and shows ports as addresses",
    ),
    Excuse(
        "quoted or carried by a protocol above links",
        lambda f: bool({"arp", "lwapp", "capwap", "l2tp", "gtp", "teredo", "usb"} & set(_before_ip(f))),
        "IPv4 inside another protocol's payload, not below a link layer",
    ),
)


@dataclass(frozen=True)
class Beyond:
    """A row of which tshark shows no IPv4 packet in its frame, and why that is right."""

    name: str
    applies: Callable[[dict[str, Any], Frame], bool]
    reason: str


STORED = (
    Beyond(
        "IP options that aren't all there",
        lambda row, f: row["ip_header_length"] is not None and _innermost(f) == "ip",
        "tshark shows no addresses of such a header; tcpdump's filters read them",
    ),
    Beyond(
        "NFLOG or IPNET cut in its packet",
        lambda row, f: f.captured != f.length and (f.protocols == ("nflog",) or f.protocols[0] == "ipnet"),
        "tshark dissects no attribute of NFLOG, and no packet of IPNET, that isn't whole",
    ),
)


@dataclass(frozen=True)
class Except:
    """Packets of which filters may count differently, and why; with `others` added the counts must be equal."""

    name: str
    applies: Callable[[str], bool]
    others: str
    reason: str


COUNTED = (
    Except(
        "an operand that is payload of a later fragment",
        lambda expression: "- ((tcp[12]" in expression,
        "ip[6:2] & 0x1fff = 0",
        "right of an operator libpcap forgets the check that a packet has such a header, and reads payload, which no "
        "column holds (docs/filter.md, where it differs)",
    ),
    Except(
        "a port of which the other one is cut",
        lambda expression: "port" in expression,
        "(ip[6:2] & 0x1fff != 0 or not (tcp or udp) or tcp[0:4] != 1 or udp[0:4] != 1)",
        "a field of which a part was captured is missing: ports are one (docs/filter.md)",
    ),
)

NAMED: dict[tuple[str, str], str] = {}
"""(file's name, kind of disagreement) -> why it is right."""


def excuse(frame: Frame) -> str | None:
    """Which excuse a frame has."""
    return next((one.name for one in NOT_STORED if one.applies(frame)), None)


def excuse_count(expression: str, equal: Callable[[str], bool]) -> str | None:
    """Which excuse a filter's count has: `equal` says whether both count the same of another filter."""
    for one in COUNTED:
        if one.applies(expression) and equal(f"({expression}) and {one.others}"):
            return one.name
    return None


def excuse_row(row: dict[str, Any], frame: Frame | None) -> str | None:
    """Which excuse a row has that tshark doesn't show, with its frame, if there is one of that time."""
    if frame is None:
        return None
    return next((one.name for one in STORED if one.applies(row, frame)), None)


def named(path: PurePath, kind: str) -> str | None:
    """Why this kind of disagreement is right for this file."""
    return NAMED.get((path.name, kind))
