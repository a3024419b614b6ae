"""What a report says of frames that weren't stored, and whether all was read."""

from __future__ import annotations

import pytest

from ims.decode.verdict import COUNTERS
from ims.sensor.counters import MOST_NAMED, Report


def report(**counted: int) -> Report:
    made = Report()
    made.counters |= counted
    assert set(made.counters) == set(COUNTERS)
    return made


def not_read(link: int, frames: int, counter: str = "unsupported_link") -> dict[str, object]:
    return {"counter": counter, "link_type": link, "link_name": None, "ethernet_type": None, "ethernet_name": None,
            "frames": frames}  # fmt: skip


def test_where_nothing_was_stored_each_reason_is_said_with_its_number() -> None:
    made = report(frames=1015, outside=1000, not_ipv4=12, arp=7, ipv6=5, malformed=3)
    said = made.nothing_stored()
    assert said is not None
    assert said.startswith(
        "nothing was stored of 1,015 frames: 1,000 IPv4 packets to other addresses; "
        "12 frames that carry something else (7 ARP, 5 IPv6); 3 frames whose link header or IPv4 header is broken"
    )
    assert "0 frames" not in said


@pytest.mark.parametrize("counted", [{}, {"frames": 2, "stored": 1, "outside": 1}])
def test_where_something_was_stored_or_nothing_came_there_is_no_reason(counted: dict[str, int]) -> None:
    assert report(**counted).nothing_stored() is None


def test_types_that_are_not_read_are_named_once_and_not_all() -> None:
    nothing, some = report(frames=20, unsupported_link=20), report(frames=21, stored=1, unsupported_link=20)
    for made in (nothing, some):
        made.not_read = [not_read(200 + number, 2) for number in range(10)]
    assert nothing.unread() == []
    named = ", ".join(f"2 frames of link type {200 + number}" for number in range(MOST_NAMED))
    assert (nothing.nothing_stored() or "").endswith(f"; not read were {named}")
    assert some.unread() == [f"not read were {named}"]
    assert len(some.as_json()["not_read"]) == 10


def test_ethernet_types_are_no_news_where_packets_were_stored() -> None:
    made = report(frames=9, stored=1, not_ipv4=8)
    made.not_read = [not_read(1, 8, "not_ipv4")]
    assert made.unread() == []


def test_parts_of_tunnels_that_are_lost_are_said() -> None:
    assert report(frames=9, stored=4, outside=5, tunnel_fragments=5).unread() == [
        "5 later fragments of tunnels hold parts of packets that are lost; first fragments are stored"
    ]


@pytest.mark.parametrize(("damaged", "interrupted"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_report_is_complete_where_all_was_read(damaged: bool, interrupted: bool) -> None:
    made = Report(damaged=damaged, interrupted=interrupted)
    assert made.complete is not (damaged or interrupted)
    assert (made.as_json()["complete"], made.as_json()["interrupted"]) == (made.complete, interrupted)


def test_the_hit_rate_of_nothing_is_none() -> None:
    assert Report().as_json()["hit_rate"] is None
    assert Report(payloads=4, new_payloads=1).as_json()["hit_rate"] == 0.75
