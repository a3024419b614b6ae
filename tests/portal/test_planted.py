"""Monitored addresses planted wherever a packet can carry one; then every endpoint is walked as viewer and as analyst, in
every form (in a commit, in turn), and all that comes back is searched for them: dotted, as a number, as octets, in hex."""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import re
import struct
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pyarrow as pa
import pytest

from ims.query.request import GROUPS, METRICS

from ..effort import pick, share
from ..stores import BLOCK, MIDNIGHT, ingest, ipv4, udp, write_pcap
from .deployment import Deployment, deployed

NETWORK = ipaddress.IPv4Network("198.51.100.0/24")
DARK = [int(NETWORK[host]) for host in (7, 77, 133, 200)]
SECOND = 1_000_000_000
SOURCE = 0x18_00_00_01
FORMS = ("application/json", "text/csv", "application/vnd.apache.arrow.stream")
_DOTTED = re.compile(rb"198\.51\.100\.\d{1,3}")
_NUMBER = re.compile(b"|".join(b"%d" % int(address) for address in NETWORK))
"""In one look: 256 looks cost 0.08 s of 0.8 MB."""
_HEX = re.compile(rb"c6336 ?4 ?[0-9a-f]{2}|c6 33 64 [0-9a-f]{2}|c63364[0-9a-f]{2}", re.IGNORECASE)


def payloads(address: int) -> list[bytes]:
    """What tells an address."""
    dotted = str(ipaddress.IPv4Address(address)).encode()
    quoted = ipv4(SOURCE, address, 6, struct.pack(">HHI", 1024, 80, address))
    return [
        b"\x01" + address.to_bytes(4) + b"tail", b"GET / HTTP/1.1\r\nHost: " + dotted + b"\r\n\r\n",
        b"OPTIONS sip:100@" + dotted + b" SIP/2.0\r\n", b"id=%d;" % address, quoted, b"0x%08x" % address,
        address.to_bytes(4, "little") * 2,
    ]  # fmt: skip


def tcp(
    source: int, destination: int, port: int, flags: int, sequence: int, acknowledgment: int, payload: bytes = b""
) -> bytes:
    header = struct.pack(">HHIIBBHHH", 1024, port, sequence, acknowledgment, 0x50, flags, 1024, 0, 0)
    return ipv4(source, destination, 6, header + payload)


def icmp(source: int, destination: int, kind: int, rest: int, payload: bytes) -> bytes:
    return ipv4(source, destination, 1, struct.pack(">BBHI", kind, 0, 0, rest) + payload)


def packets() -> Iterator[bytes]:
    for repeat, address in itertools.product(range(60), DARK):
        source = SOURCE + repeat % 9
        yield tcp(source, address, 23, 2, address, 0)  # Mirai's mark
        yield tcp(source, address, 80, 0x12, 1, address + 1)  # backscatter that echoes it
        yield icmp(source, address, 5, address, payloads(address)[4])  # a redirect to it, with a quote
        yield udp(source, address, 53, b"harmless")
        yield ipv4(address, address, 17, struct.pack(">HHHH", 9, 9, 8, 0))  # LAND
        for number, payload in enumerate(payloads(address)):
            yield udp(source, address, 1000 + number, payload)
            yield tcp(source, address, 2000 + number, 0x18, 5, 6, payload)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("planted")
    capture = write_pcap(
        folder / "planted.pcap", ((MIDNIGHT + n * SECOND, packet) for n, packet in enumerate(packets()))
    )
    store = ingest(folder / "STORE", capture, sensor="a", blocks=[BLOCK])
    blocks = {"a": [("C/24", str(NETWORK))]}
    settings = {"secrecy": {"viewer_threshold": 5, "viewer_noise": 0}}  # so that viewers see something at all
    with deployed(folder / "deployment", {"a": store}, blocks=blocks, **settings) as deployment:
        deployment.heard()
        yield deployment


def told(octets: bytes) -> list[bytes]:
    """Monitored addresses in some octets."""
    found = _DOTTED.findall(octets) + _HEX.findall(octets) + _NUMBER.findall(octets)
    if b"\xc6\x33\x64" in octets or b"\x64\x33\xc6" in octets:
        found.append(b"octets")
    return found


def told_by(response: httpx.Response) -> list[bytes]:
    found = told(response.content) + told(repr(response.headers.multi_items()).encode())
    if response.headers.get("content-type", "").startswith(FORMS[2]) and response.status_code == 200:
        table = pa.ipc.open_stream(response.content).read_all()
        found += told(repr(table.to_pylist()).encode()) + told(repr(table.schema.metadata).encode())
    return found


def asked(deployment: Deployment) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every endpoint, and the questions in many words."""
    document = httpx.get(
        f"{deployment.url}/api/v1/openapi.json", headers={"Authorization": f"Bearer {deployment.tokens['operator']}"}
    )
    assert document.status_code == 200
    for path, methods in document.json()["paths"].items():
        for method in methods:
            if "login" in path or "logout" in path or "events" in path or "tokens" in path:
                continue
            yield method.upper(), path, {}
    filters = [None, "tcp", "udp", "icmp", "dst port 23", "category backscatter", "payload", "src net 24.0.0.0/8"]
    filters += [
        "dst net 198.51.100.0/25",
        "host 198.51.100.7",
        "tcp[4:4] = 3325256711",
        "ip[16:4] > 3325256700",
        "net 198",
    ]
    filters += [
        'payload contains "198.51.100"',
        "payload contains 0xc63364",
        "icmp[4:4] = 3325256711",
        "dst host 198.51.100.7 or",
    ]
    verbs = ("count", "series", "top", "packets", "payloads", "sources", "cache")
    for verb, filter in itertools.product(verbs, filters):
        words = {"filter": filter} if filter else {}
        if verb == "top":
            words["column"] = "destination_port"
        yield "POST", f"/api/v1/query/{verb}", words
    for place, filter in enumerate(filters):
        first = filter or "ip"
        for then in share(["udp", "dst net 198.51.100.0/25", "payload"], place, 3):
            yield "POST", "/api/v1/query/chain", {"first": first, "then": ["ip", then], "within": "1d", "bin": "1h"}
            yield "POST", "/api/v1/analyses/chain", {"first": then, "then": first, "within": "1d", "at": "sensor"}
        for group in share(["block", "sensor"], place, 2):
            words = {"group": group} | ({"filter": filter} if filter else {})
            yield "POST", "/api/v1/query/sightings", words
            yield "POST", "/api/v1/query/novelty", words
    yield "POST", "/api/v1/analyses/new-payloads", {"history": "1m", "bin": "1m"}
    for group in (*GROUPS, "destination/24", "destination/32", "source/8", "source/32"):
        yield "POST", "/api/v1/query/top", {"column": group, "limit": 1000}
        yield "POST", "/api/v1/query/series", {"group": group, "bin": "1h"}
    for metric in METRICS:
        yield "POST", "/api/v1/query/top", {"column": "destination_port", "metric": metric}
        yield "POST", "/api/v1/query/series", {"bin": "1h", "metric": metric, "per_24": True}
    planted = [payloads(address) for address in DARK]
    each_form_once = [planted[place % len(DARK)][place] for place in range(len(planted[0]))]
    # A withheld signature's answer takes half a second, so a commit asks for each form once, of each address in turn.
    for payload in [*pick([*itertools.chain(*planted)], each_form_once), b"harmless"]:
        signature = hashlib.md5(payload).hexdigest()
        yield "GET", f"/api/v1/payloads/{signature}", {}
        yield "POST", "/api/v1/query/count", {"filter": f"signature {signature}"}
        yield "POST", "/api/v1/query/chain", {"first": "ip", "then": f"signature {signature}", "within": "1d"}
    for format in ("pcap", "parquet", "csv", "json"):
        yield "POST", f"/api/v1/export/{format}", {}


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_nothing_that_comes_back_tells_a_monitored_address(running: Deployment, role: str) -> None:
    headers = {"Authorization": f"Bearer {running.tokens[role]}"}
    statuses: Counter[int] = Counter()
    told_something = 0

    def look(method: str, path: str, words: dict[str, Any], form: str) -> tuple[int, bool]:
        own = repr(
            words
        ).encode()  # what the caller wrote himself may be said back to him: a complaint quotes the filter
        json = {"json": words} if method == "POST" else {"params": words}
        response = client.request(method, path, headers=headers | {"Accept": form}, **json)  # type: ignore[arg-type]
        assert response.status_code < 500, (method, path, words, response.text)
        found = [each for each in told_by(response) if each not in own]
        assert not found, (method, path, words, form, found, response.content[:500])
        return response.status_code, response.status_code == 200 and len(response.content) > 200

    # A withheld signature is refused half a second later, whatever form is wanted; so several ask at once.
    questions = [
        (method, path, words, form)
        for place, (method, path, words) in enumerate(asked(running))
        for form in (
            share(FORMS, place, len(FORMS)) if "/query/" in path and "signature" not in repr(words) else FORMS[:1]
        )
    ]
    with httpx.Client(base_url=running.url, timeout=60) as client, ThreadPoolExecutor(4) as threads:
        for status, tells in threads.map(look, *zip(*questions, strict=True)):
            statuses[status] += 1
            told_something += tells
    assert statuses[200] > 50
    assert statuses[403] > 20
    assert told_something > 30


def test_an_operator_sees_them(running: Deployment) -> None:
    """So they were there to be found."""
    headers = {"Authorization": f"Bearer {running.tokens['operator']}"}
    with httpx.Client(base_url=running.url, timeout=60, headers=headers) as client:
        for words in ({"column": "destination"}, {"column": "tcp_sequence"}):
            assert told_by(client.post("/api/v1/query/top", json=words))
        for verb in ("packets", "payloads", "coverage", "sightings"):
            assert told_by(client.get(f"/api/v1/query/{verb}"))
        assert told_by(client.post("/api/v1/query/chain", json={"first": "ip", "then": "ip", "within": "1d"}))
        signature = hashlib.md5(payloads(DARK[0])[1]).hexdigest()
        assert client.get(f"/api/v1/payloads/{signature}").content == payloads(DARK[0])[1]
    audit = (running.folder / "audit.jsonl").read_text().splitlines()
    assert len(audit) >= 6
