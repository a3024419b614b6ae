"""Every endpoint walked by every role: nothing that isn't its own, in body or header."""

from __future__ import annotations

import ipaddress
import itertools
import re
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ims.query.verbs import VERBS

from ...effort import share
from ...stores import MIDNIGHT, ingest, udp, write_pcap
from .served import Served, world

DARK = int(ipaddress.IPv4Address("198.51.100.9"))
FORMS = ("application/json", "text/csv", "application/vnd.apache.arrow.stream")
PAYLOADS = (b"hello", b"Host: 198.51.100.9", b"=%d;" % DARK, struct.pack(">I", DARK) + b"tail", b"\x45quote")
TELLING = re.compile(rb"198\.51\.100\.|%d|%s" % (DARK, re.escape(struct.pack(">I", DARK))))


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("roles")
    packets = [
        (MIDNIGHT + at * 1_000_000, udp(0xCB00_7100 + at % 50, DARK + at % 3, 53 + at % 2, PAYLOADS[at % 5]))
        for at in range(500)
    ]
    with world(folder, ingest(folder / "STORE", write_pcap(folder / "x.pcap", packets))) as served:
        yield served


WORDS: dict[str, list[dict[str, Any]]] = {
    "series": [{}, {"group": "block"}, {"group": "source/8", "metric": "sources"}, {"group": "destination"}],
    "top": [{"column": "destination"}, {"column": "destination/24"}, {"column": "signature"}, {"column": "source"}],
    "packets": [{}, {"filter": "dst net 198.51.100.0/24"}, {"filter": "host 198.51.100.9"}, {"limit": 500}],
    "payloads": [{}, {"filter": 'payload contains "198.51"'}, {"limit": 50}],
    "chain": [
        {"first": "ip", "then": ["ip"], "within": "1h", "at": "sensor"},
        {"first": "ip", "then": ["udp", "payload"], "within": "1h", "at": "anywhere", "bin": "5m"},
        {"first": "ip", "then": "dst net 198.51.100.0/24"},
        {"first": 'payload contains "198.51"', "then": "ip"},
        {"first": "host 198.51.100.9", "then": "ip"},
    ],
    "sightings": [{}, {"group": "sensor", "limit": 3}, {"only": "C/24"}, {"filter": 'payload contains "198.51"'}],
    "novelty": [{}, {"bin": "1m", "group": "sensor"}, {"filter": "dst net 198.51.100.0/24"}],
    "coverage": [{}],
    "darknet": [{}, {"group": "block"}, {"bin": "1d", "group": "sensor"}],
}


def walk(portal: Served, role: str) -> Iterator[tuple[str, httpx.Response]]:
    """In a commit each question in one form, in turn; `make test-all` asks for all forms of each."""
    asker, places = portal.as_(role), itertools.count()
    for verb in VERBS:
        for words in WORDS.get(verb, [{}, {"filter": "udp"}]):
            for form in share(FORMS, next(places), len(FORMS)):
                yield f"{verb} {words}", asker.post(f"/query/{verb}", json=words, headers={"Accept": form})
    for path in ("/me", "/tokens", "/sensors", "/health", "/version", "/analyses", "/openapi.json", "/nowhere"):
        yield path, asker.get(path)
    for octets in PAYLOADS:
        import hashlib

        yield f"payload {octets!r}", asker.get(f"/payloads/{hashlib.md5(octets).hexdigest()}")
    for format in ("pcap", "parquet", "csv", "json"):
        yield f"export {format}", asker.post(f"/export/{format}", json={})


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_no_monitored_address_leaves_for_viewers_and_analysts(portal: Served, role: str) -> None:
    statuses = {}
    for what, found in walk(portal, role):
        seen = found.content + repr(found.headers).encode()
        # What the caller said himself may be said back: where a filter can't be read.
        assert TELLING.search(seen) is None, (role, what, found.content)
        assert found.status_code < 500, (what, found.text)
        statuses[what] = found.status_code
    assert statuses["export pcap"] == 403
    assert statuses["count {}"] == 200
    found = {what: status for what, status in statuses.items() if what.startswith("chain")}
    assert list(found.values()) == ([403] * 5 if role == "viewer" else [200, 200, 403, 403, 403])
    assert statuses["payload b'hello'"] == (403 if role == "viewer" else 200)


def test_an_operator_sees_them(portal: Served) -> None:
    seen = b"".join(found.content for what, found in walk(portal, "operator") if found.status_code == 200)
    assert TELLING.search(seen) is not None
