"""The counters have the names, places and meanings that the books say, and each is reached by the frame it is for."""

from __future__ import annotations

import pytest

from ims.decode import verdict
from ims.decode.verdict import COUNTERS, EXCLUSIVE, MEANING, SUB_COUNTERS

from .makers import decoded, ethernet, icmp, ip, tcp, udp

LATER = ip(47, bytes(40), fragment=5, destination=1)
GRE = ip(47, b"\0\0\x08\0" + udp(b"inner"), destination=1)
EACH: dict[str, tuple[str, bytes, dict[str, object]]] = {
    "stored": ("stored", ethernet(tcp()), {}),
    "outside": ("outside", ethernet(tcp(destination=1)), {}),
    "not_ipv4": ("not_ipv4", ethernet(bytes(46), 0x88CC), {}),
    "malformed": ("malformed", ethernet(tcp()[:19]), {}),
    "unsupported_link": ("unsupported_link", bytes(60), {"link": 189}),
    "arp": ("not_ipv4", ethernet(bytes(46), 0x0806), {}),
    "ipv6": ("not_ipv4", ethernet(b"\x60" + bytes(45), 0x86DD), {}),
    "unwrapped": ("stored", ethernet(GRE), {"unwrap": "gre"}),
    "fragments": ("stored", ethernet(ip(17, bytes(24), fragment=0x2000)), {}),
    "truncated": ("stored", ethernet(icmp(payload=bytes(90))), {"cut": 60}),
    "transport_malformed": ("stored", ethernet(ip(6, bytes(19))), {}),
    "checksum_wrong": ("stored", ethernet(tcp(sum=0x1234)), {}),
    "tunnel_fragments": ("outside", ethernet(LATER), {"unwrap": "gre"}),
}


@pytest.mark.parametrize("name", EACH)
def test_a_counter_counts_the_frame_that_it_is_for_and_no_other_does(name: str) -> None:
    exclusive, frame, how = EACH[name]
    _, counters = decoded([frame], block="C=198.51.100.0/24", **how)  # type: ignore[arg-type]
    assert counters == {"frames": 1, exclusive: 1, name: 1}


def test_all_but_one_are_reached_by_decoding_alone() -> None:
    """That one wants what came before: recent_syns.py."""
    assert set(COUNTERS) - set(EACH) == {"frames", "resets_undecided"}


def test_a_counter_s_constant_is_its_place_and_each_has_a_meaning() -> None:
    assert [getattr(verdict, name.upper()) for name in COUNTERS] == list(range(len(COUNTERS)))
    assert tuple(MEANING) == COUNTERS == ("frames", *EXCLUSIVE, *SUB_COUNTERS)


def test_no_verdict_is_an_offset_or_another_verdict_s_number() -> None:
    plain = {number for name, number in vars(verdict).items() if name.startswith("IS_") and name != "IS_TYPE"}
    assert len(plain) == 6
    assert all(verdict.IS_TYPE - kind < min(plain) <= max(plain) < 0 for kind in (0, 0x0806, 0xFFFF))
