"""Every endpoint walked by every role: nothing that isn't its own, in body or header."""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ims.portal.monitored import Monitored
from ims.portal.registry import RegisteredSensor
from ims.portal.secrecy import Secrecy, SecrecySettings
from ims.query.verbs import VERBS

from ...stores import MIDNIGHT, ingest, udp, write_pcap
from .served import SENSORS, Served, refused, world

DARK = int(ipaddress.IPv4Address("198.51.100.9"))
FORMS = ("application/json", "text/csv", "application/vnd.apache.arrow.stream")
PAYLOADS = (b"hello", b"Host: 198.51.100.9", b"=%d;" % DARK, struct.pack(">I", DARK) + b"tail", b"\x45quote")
TELLING = re.compile(rb"198\.51\.100\.|%d|%s" % (DARK, re.escape(struct.pack(">I", DARK))))
OTHERS_ONLY = ("version", "clock_offset", "certificate_days", "losing")


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
    "coverage": [{}],
}


def walk(portal: Served, role: str) -> Iterator[tuple[str, httpx.Response]]:
    asker = portal.as_(role)
    for verb in VERBS:
        for words in WORDS.get(verb, [{}, {"filter": "udp"}]):
            for form in FORMS:
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
    assert statuses["payload b'hello'"] == (403 if role == "viewer" else 200)


def test_an_operator_sees_them(portal: Served) -> None:
    seen = b"".join(found.content for what, found in walk(portal, "operator") if found.status_code == 200)
    assert TELLING.search(seen) is not None


def test_where_sensors_are_reached_is_for_operators(portal: Served) -> None:
    assert portal.as_("operator").get("/sensors").json() == {"sensors": SENSORS}
    for role in ("viewer", "analyst"):
        sensor, dead = portal.as_(role).get("/sensors").json()["sensors"]
        assert sensor["why"] == "connect to (address) refused"
        assert {
            name: SENSORS[0][name] for name in ("name", "blocks", "organisation", "state")
        }.items() <= sensor.items()
        assert not set(OTHERS_ONLY) & (set(sensor) | set(dead))
        assert (dead["watches"], dead["stores"]) == (False, False)
        analyst = role == "analyst"
        assert dead.get("last_packet") == (SENSORS[1]["last_packet"] if analyst else None)
        assert dead["why"] == (SENSORS[1]["why"] if analyst else None)


def test_without_a_token_there_is_health_and_no_more(portal: Served) -> None:
    anyone = portal.as_(None)
    assert anyone.get("/health").json() == {"status": "degraded", "why": "sensors: 1 silent, 1 watching nothing, of 2"}
    for path in ("/version", "/sensors", "/analyses", "/me", "/query/count", "/events"):
        refused(anyone.get(path), 401)
    assert portal.as_("viewer").get("/version").json() == {"version": "0.1.0", "api": "v1"}
    assert portal.as_("viewer").get("/analyses").json() == {"analyses": []}


def test_that_it_isn_t_known_what_is_monitored_is_told(tmp_path: Path, one_store: Path) -> None:
    """Of a portal whose file of it is damaged: whoever isn't an operator gets nothing, and a monitor says why."""
    (tmp_path / "kept").write_bytes(b"{")
    watched = Monitored(lambda: [RegisteredSensor(name="a", address="127.0.0.1:1")], tmp_path / "kept")
    with world(tmp_path / "portal", one_store, secrecy=Secrecy(SecrecySettings(), watched.prefixes)) as served:
        for role, status in (("operator", 200), ("analyst", 503), ("viewer", 503)):
            assert served.as_(role).get("/query/count").status_code == status
        health = served.as_(None).get("/health").json()
        assert health["status"] == "degraded"
        assert "analysts and viewers aren't answered: it isn't known yet what each sensor watches" in health["why"]
        watched.note("a", ["198.51.100.0/24"])
        assert "analysts" not in served.as_(None).get("/health").json()["why"]
        assert served.as_("analyst").get("/query/count").status_code == 200
