"""Payloads as files: as they came, to nobody's program, and never one that tells an address."""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ims
from ims.portal.api.execute import EVEN_SECONDS, until_even

from ...stores import MIDNIGHT, ingest, udp, write_pcap
from .served import Served, lookup_in, refused, world

DARK = int(ipaddress.IPv4Address("198.51.100.9"))
PLAIN = b"GET /?x=<script>alert(1)</script> HTTP/1.0\r\n\r\n\x00\xff"
TELLING = b"OPTIONS sip:100@198.51.100.9 SIP/2.0\r\n"
ABSENT = "0" * 32


def md5(octets: bytes) -> str:
    return hashlib.md5(octets).hexdigest()


def store_of(folder: Path) -> Path:
    packets = [(MIDNIGHT + at, udp(0xCB00_7101, DARK, 53, octets)) for at, octets in enumerate((PLAIN, TELLING))]
    return ingest(folder / "STORE", write_pcap(folder / "x.pcap", packets))


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("payloads")
    with world(folder, store_of(folder)) as served:
        yield served


@pytest.mark.parametrize("role", ["analyst", "operator"])
def test_a_payload_is_an_attachment_with_a_warning(portal: Served, role: str) -> None:
    found = portal.as_(role).get(f"/payloads/{md5(PLAIN).upper()}")
    assert found.content == PLAIN
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["content-disposition"] == f'attachment; filename="{md5(PLAIN)}.bin"'
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in found.headers["content-security-policy"]
    assert "hostile" in found.headers["x-ims-warning"]


def test_payloads_are_not_for_viewers(portal: Served) -> None:
    refused(portal.as_("viewer").get(f"/payloads/{md5(PLAIN)}"), 403, "analysts and operators")


def test_one_that_holds_an_address_looks_like_one_that_is_not_there(portal: Served) -> None:
    assert portal.as_("operator").get(f"/payloads/{md5(TELLING)}").content == TELLING
    asker = portal.as_("analyst")
    hidden, absent = (asker.get(f"/payloads/{signature}") for signature in (md5(TELLING), ABSENT))
    assert refused(hidden, 404).replace(md5(TELLING), ABSENT) == refused(absent, 404)
    assert sorted(hidden.headers) == sorted(absent.headers)


class Counted:
    """A telescope, and how often it was asked for a payload."""

    def __init__(self, telescope: Any) -> None:
        self._telescope, self.payloads = telescope, 0

    def payload(self, signature: str) -> bytes:
        self.payloads += 1
        octets: bytes = self._telescope.payload(signature)
        return octets

    def __getattr__(self, name: str) -> Any:
        return getattr(self._telescope, name)


def seconds_of(ask: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return ask(), time.monotonic() - began


def test_whether_it_is_withheld_or_absent_is_told_by_no_question_and_by_no_moment(tmp_path: Path) -> None:
    """Of both it is said no sooner than half a second after it was asked, whether by its path or in a filter: to look for
    either takes a few milliseconds, and more where there is something to find."""
    store = store_of(tmp_path)
    telescope, looked = Counted(ims.open(store)), []
    lookup = lookup_in(store)

    def octets(signatures: list[bytes]) -> dict[bytes, bytes]:
        looked.append(len(signatures))
        return lookup(signatures)

    with world(tmp_path / "world", store, telescope=telescope, octets=octets) as served:
        asker, told = served.as_("analyst"), []
        for signature in (md5(TELLING), ABSENT):
            telescope.payloads, looked[:] = 0, []
            by_path, seconds = seconds_of(partial(asker.get, f"/payloads/{signature}"))
            assert seconds >= EVEN_SECONDS
            words = {"filter": f"signature {signature}"}
            by_filter, seconds = seconds_of(partial(asker.get, "/query/count", params=words))
            assert seconds >= EVEN_SECONDS
            refused(by_path, 404, "no payload is stored")
            refused(by_filter, 403, "no payload that may be shown")
            told.append((by_path.text.replace(signature, ""), by_filter.text, telescope.payloads, tuple(looked)))
        assert told[0] == told[1]
        assert told[0][2:] == (1, (1,))


@given(st.floats(0, 100))
def test_what_took_longer_is_told_at_a_later_multiple(seconds: float) -> None:
    times = (seconds + until_even(seconds)) / EVEN_SECONDS
    assert times == pytest.approx(round(times)) and seconds <= times * EVEN_SECONDS <= seconds + EVEN_SECONDS


def test_prefixes_are_for_operators(portal: Served) -> None:
    assert portal.as_("operator").get(f"/payloads/{md5(PLAIN)[:6]}").content == PLAIN
    refused(portal.as_("analyst").get(f"/payloads/{md5(PLAIN)[:6]}"), 400, "expected all 32 hex digits")
    refused(
        portal.as_("operator").get("/payloads/000000"), 404, "no payload is stored whose signature begins with 000000"
    )
    assert portal.as_("operator").get(f"/payloads/{md5(PLAIN)}?number=1").content == PLAIN
    refused(portal.as_("operator").get(f"/payloads/{md5(PLAIN)}?number=2"), 404)


TRICKS = [
    "../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "....//....//etc/passwd",
    "..%5c..%5cetc", "%00", f"{'a' * 32}%00.bin", f"{'a' * 32}%0d%0aSet-Cookie:%20x=1", "a" * 4096, "%ff%fe", "*",
    f"{'a' * 32}/../../etc/passwd", "", "/etc/passwd", "~root", "%252e%252e%252f", "0123456g", f"{'a' * 31}\u0661",
]  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_path_tricks_find_nothing(portal: Served, trick: str) -> None:
    token = portal.world.tokens["operator"]
    request = f"GET /api/v1/payloads/{trick} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    found = portal.raw(request.encode())
    status = int(found.split(b" ", 2)[1])
    assert status in (400, 404), found
    assert b"root:" not in found and b"Set-Cookie" not in found.split(b"\r\n\r\n")[0]
