"""Payloads as files: as they came, to nobody's program, and never one that tells an address."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator

import pytest

from ...stores import MIDNIGHT, ingest, udp, write_pcap
from .served import Served, refused, world

DARK = int(ipaddress.IPv4Address("198.51.100.9"))
PLAIN = b"GET /?x=<script>alert(1)</script> HTTP/1.0\r\n\r\n\x00\xff"
TELLING = b"OPTIONS sip:100@198.51.100.9 SIP/2.0\r\n"
ABSENT = "0" * 32


def md5(octets: bytes) -> str:
    return hashlib.md5(octets).hexdigest()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("payloads")
    packets = [(MIDNIGHT + at, udp(0xCB00_7101, DARK, 53, octets)) for at, octets in enumerate((PLAIN, TELLING))]
    with world(folder, ingest(folder / "STORE", write_pcap(folder / "x.pcap", packets))) as served:
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


def test_prefixes_are_for_operators(portal: Served) -> None:
    assert portal.as_("operator").get(f"/payloads/{md5(PLAIN)[:6]}").content == PLAIN
    refused(portal.as_("analyst").get(f"/payloads/{md5(PLAIN)[:6]}"), 400, "wanted all 32 hex digits")
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
