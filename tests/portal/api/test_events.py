"""The live view: events that can't be forged, ended by either side, for so many at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ims.portal.api.events import written
from ims.portal.services import Event, Limits

from .served import News, Served, refused, world

LIMITS = Limits(listeners_each=2, listeners=3, heartbeat_seconds=0.01)


@pytest.fixture
def portal(tmp_path: Path, one_store: Path) -> Iterator[Served]:
    with world(tmp_path, one_store, limits=LIMITS) as served:
        yield served


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Events of a stream as fields, as the HTML Living Standard reads them; comments as {"": text}."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            yield fields
            fields = {}
        else:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


def test_events_come_as_they_are_and_comments_between(portal: Served) -> None:
    for role in ("viewer", "analyst", "operator"):
        with portal.as_(role).stream("GET", "/events") as response:
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert response.headers["cache-control"] == "no-store"
            found = events(response.iter_lines())
            assert next(found) == {"": "still here"}
            [event] = [next(one for one in found if "event" in one)]
            assert event["event"] == "packets"
            assert json.loads(event["data"]) == portal.world.news.events[0].data
            assert next(found) == {"": "still here"}


def test_a_listener_that_leaves_is_noticed(portal: Served) -> None:
    news: News = portal.world.news
    for _ in range(5):  # one more at a time than there may be, were one kept
        with portal.as_("operator").stream("GET", "/events") as response:
            next(response.iter_lines())
            assert news.listening.acquire(timeout=60)
        assert news.left.acquire(timeout=60)


def test_so_many_may_listen(portal: Served) -> None:
    def listening(role: str) -> httpx.Response:
        client = portal.as_(role)
        return client.send(client.build_request("GET", "/events"), stream=True)

    open_ = [listening("operator"), listening("operator")]
    refused(portal.as_("operator").get("/events"), 429, "you have 2 event streams already")
    open_.append(listening("viewer"))
    refused(portal.as_("analyst").get("/events"), 503, "too many event streams are open")
    assert [response.status_code for response in open_] == [200] * 3
    for response in open_:
        response.close()
    for _ in open_:
        assert portal.world.news.left.acquire(timeout=60)


def test_a_token_that_ends_ends_the_stream(portal: Served) -> None:
    accounts = portal.world.accounts
    with portal.as_("viewer").stream("GET", "/events") as response:
        lines = response.iter_lines()
        next(lines)
        [token] = accounts.tokens("viewer")
        accounts.revoke_token("viewer", token["id"])
        assert "forged" not in [line.partition(":")[0] for line in lines]  # and there is an end
    refused(portal.as_("viewer").get("/events"), 401)


def test_news_that_end_end_the_stream(portal: Served) -> None:
    portal.world.news.endless = False
    with portal.as_("operator").stream("GET", "/events") as response:
        assert list(events(response.iter_lines()))[-1]["event"] == "packets"


def test_no_event_forges_another() -> None:
    octets = written(Event("new_payload", {"text": "\r\n\r\nevent: x\ndata: y", "more": "\u2028\x85\ud800"}))
    assert octets.isascii()
    assert octets.count(b"\n") == 3 and b"\r" not in octets
    with pytest.raises(ValueError, match="event kind"):
        written(Event("x\ndata: y", {}))


def test_why_a_sensor_is_silent_names_its_address_to_operators_alone(portal: Served) -> None:
    portal.world.news.events = (Event("sensor", {"sensor": "a", "why": "connect to 198.51.100.1:8815 refused"}),)
    for role, why in (
        ("analyst", "connect to (address) refused"),
        ("operator", "connect to 198.51.100.1:8815 refused"),
    ):
        with portal.as_(role).stream("GET", "/events") as response:
            [event] = [next(one for one in events(response.iter_lines()) if "event" in one)]
        assert json.loads(event["data"]) == {"sensor": "a", "why": why}
