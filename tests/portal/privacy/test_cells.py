"""Which cells are published, and that sensors are asked for no others, whatever the words were."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given

from ims.portal.privacy.cells import questions
from ims.portal.privacy.policy import PrivacyPolicy, SecrecySettings
from ims.portal.privacy.query_policy import Forbidden
from ims.query.request import Request

from .gate import HOUR, LATER, NOISY, PREFIXES, START, gate
from .test_policy import conjunctions, requests

REFUSED = ["tcp and category scan", "dst port 23 and src net 8.0.0.0/8", "icmp and block C/24", "tcp and udp",
           "sensor a and category scan", "payload", "verified", "dst port 23 and payload",
           "dst port 23 and icmp[icmptype] = 8", "ip proto 132 and dst port 23"]  # fmt: skip


@pytest.mark.parametrize("filter", REFUSED)
def test_what_is_no_published_table_is_refused(filter: str) -> None:
    """Each would be a table more, with noise of its own, in which a packet is."""
    with pytest.raises(Forbidden, match="viewers"):
        gate(NOISY).check("viewer", Request(verb="count", filter=filter))


def test_a_group_and_a_filter_are_of_one_table() -> None:
    for group, filter in itertools.permutations(["protocol", "category", "block", "sensor"], 2):
        text = {"protocol": "udp", "category": "category scan", "block": "block C/24", "sensor": "sensor a"}[filter]
        with pytest.raises(Forbidden, match="one thing at a time"):
            gate(NOISY).check("viewer", Request(verb="top", group=group, filter=text))
    for words in ({"group": "block", "metric": "bytes"}, {"filter": "tcp", "metric": "payloads"}):
        with pytest.raises(Forbidden, match="of all packets only"):
            gate(NOISY).check("viewer", Request(verb="series", **words))  # type: ignore[arg-type]
    with pytest.raises(Forbidden, match="of all packets only"):
        gate(NOISY).check("viewer", Request(verb="cache", filter="tcp"))
    with pytest.raises(Forbidden, match="by bins of 3,600 s alone"):
        gate(NOISY).check("viewer", Request(verb="series", metric="sources", bin=2 * HOUR))


@given(requests(conjunctions, ("count", "series", "top", "cache")))
def test_sensors_are_asked_for_whole_published_cells_alone(request: Request) -> None:
    """In bins of the published width on its grid, of one table, whatever the words were."""
    try:
        checked = gate(NOISY).check("viewer", request)
    except Forbidden:
        return
    for cells in questions(checked, HOUR):  # type: ignore[arg-type]
        asked = cells.request
        assert asked.bin == HOUR and not asked.per_24 and asked.origin is None
        assert asked.verb == ("cache" if request.verb == "cache" else "series")
        assert (asked.since or 0) % HOUR == (asked.until or 0) % HOUR == 0
        assert asked.group in (
            None,
            "destination_port",
            "icmp_type",
            "protocol",
            "category",
            "block",
            "sensor",
            "source/8",
        )


def test_long_ranges_of_ports_are_asked_for_by_the_day() -> None:
    """So that sensors' rows fit into memory, and other ranges find the same days kept."""
    secrecy = PrivacyPolicy(SecrecySettings(), lambda: PREFIXES, clock=lambda: LATER + 40 * 86400)
    day = 24 * HOUR
    asked = {}
    for since in (START + 5 * HOUR, START - 3 * day):
        checked = secrecy.check(
            "viewer", Request(verb="top", group="destination_port", since=since, until=START + 7 * day)
        )
        asked[since] = {(c.within, c.request.since, c.request.until) for c in questions(checked, HOUR)}  # type: ignore[arg-type]
        assert all(until - begin <= day for _, begin, until in asked[since])  # type: ignore[operator]
    first, second = asked.values()
    assert len(first & second) == 2 * 6
    with pytest.raises(Forbidden, match="ask for a shorter range"):
        secrecy.check("viewer", Request(verb="top", group="destination_port", since=START - 400 * day))
