"""Where ims and the others may disagree, and why. What isn't in this table is a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from benchmarks.judge.dissected import Frame


@dataclass(frozen=True)
class Excuse:
    """A frame that tshark reads as IPv4 and that isn't stored, and why that is right."""

    name: str
    applies: Callable[[Frame], bool]
    reason: str


def _before_ip(frame: Frame) -> tuple[str, ...]:
    return frame.protocols[: frame.protocols.index("ip")] if "ip" in frame.protocols else frame.protocols


NOT_STORED = (
    Excuse("in IPv6", lambda f: "ipv6" in _before_ip(f), "IPv6 is counted and not read, whatever is inside"),
    Excuse(
        "wireless",
        lambda f: bool({"wlan", "radiotap", "ppi", "wlan_radio"} & set(_before_ip(f))),
        "of 802.11 whole data frames are read that aren't encrypted, no aggregates",
    ),
    Excuse(
        "quoted or carried by a protocol above links",
        lambda f: bool({"arp", "lwapp", "capwap", "l2tp", "gtp", "teredo", "usb"} & set(_before_ip(f))),
        "IPv4 inside another protocol's payload, not below a link layer",
    ),
)

NAMED: dict[tuple[str, str], str] = {}
"""(file's name, kind of disagreement) -> why it is right."""


def excuse(frame: Frame) -> str | None:
    """Which excuse a frame has."""
    return next((one.name for one in NOT_STORED if one.applies(frame)), None)


def named(path: PurePath, kind: str) -> str | None:
    """Why this kind of disagreement is right for this file."""
    return NAMED.get((path.name, kind))
