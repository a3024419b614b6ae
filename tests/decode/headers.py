"""Headers before a packet, made by hand, and what holds for each of them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import pytest

from .makers import decoded, udp

PACKET = udp(b"payload")


def tag(kind: int, inner: bytes, protocol: int) -> bytes:
    """What follows the type of a tagged frame."""
    return struct.pack(">HH", 7, protocol) + inner


def label(inner: bytes, bottom: bool = True) -> bytes:
    return struct.pack(">I", 16 << 12 | bottom << 8 | 64) + inner


def snap(inner: bytes, kind: int) -> bytes:
    return b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", kind) + inner


def gives_the_packet(link: int, frame: bytes) -> None:
    """Padding behind it or not."""
    [row], counters = decoded([frame], link)
    assert row["packet"] == PACKET
    assert row["payload"] == b"payload"
    assert (row["source_port"], row["destination_port"]) == (1025, 53)
    assert counters == {"frames": 1, "stored": 1}
    padded, _ = decoded([frame + bytes(18)], link)
    assert padded[0]["packet"] == PACKET


def never_gives_another(link: int, frame: bytes) -> None:
    """Cut off anywhere, it gives nothing, or the packet as far as it goes."""
    begins = frame.index(PACKET)
    for cut in range(len(frame)):
        rows, counters = decoded([frame], link, cut=cut)
        if cut < begins + 20:
            # One octet of PPP's may be a short protocol, and 802.3 without room for SNAP is something else.
            assert counters.get("malformed", 0) + counters.get("not_ipv4", 0) == 1, cut
            assert rows == []
        else:
            assert rows[0]["packet"] == PACKET[: cut - begins]
            assert rows[0]["truncated"] and counters["truncated"] == 1
            assert rows[0]["ip_length"] == len(PACKET)


def counts_nothing_else(link: int, frame: bytes, counted: dict[str, int]) -> None:
    """A frame without a packet is counted for what it is."""
    rows, counters = decoded([frame], link)
    assert rows == []
    assert counters == {"frames": 1, **counted}


Test = Callable[[str], None]


def checks_of(
    same: Mapping[str, tuple[int, bytes]], nothing: Mapping[str, tuple[int, bytes, dict[str, int]]]
) -> tuple[Test, Test, Test]:
    """Three tests for a module's headers, by name: of (link type, frame) that gives PACKET, and of (link type, frame,
    counters) that gives none."""

    @pytest.mark.parametrize("name", same)
    def gives(name: str) -> None:
        gives_the_packet(*same[name])

    @pytest.mark.parametrize("name", same)
    def never_another(name: str) -> None:
        never_gives_another(*same[name])

    @pytest.mark.parametrize("name", nothing)
    def counts(name: str) -> None:
        counts_nothing_else(*nothing[name])

    return gives, never_another, counts
