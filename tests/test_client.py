"""A portal asked from afar is a telescope like one at hand: the same answers, errors and printed octets."""

from __future__ import annotations

import dataclasses
import io
import os
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.cli import app
from ims.client import RemoteTelescope, _words, _words_of
from ims.export import FORMATS
from ims.query.language.errors import FilterError
from ims.query.request import Request, make_request
from ims.telescope import Telescope

from .portal.api.served import Served, world
from .stores import cli


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Served]:
    with world(tmp_path_factory.mktemp("remote"), one_store) as served:
        yield served


@pytest.fixture(scope="module")
def remote(served: Served) -> Iterator[RemoteTelescope]:
    with RemoteTelescope(served.url, served.world.tokens["operator"]) as remote:
        yield remote


@pytest.fixture(scope="module")
def local(one_store: Path) -> Telescope:
    return ims.open(one_store)


ASKED: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("count", (), {}),
    ("count", ("tcp dst port 445",), {"since": datetime(2026, 3, 4, 5, tzinfo=UTC), "until": datetime(2026, 3, 4, 9)}),
    ("series", (), {"bin": 600, "group": "/8", "metric": "sources", "limit": 20}),
    ("top", ("destination", "udp"), {"per_24": True, "limit": 4}),
    ("packets", ("icmp",), {"limit": 9}),
    ("payloads", (), {"limit": 5}),
    ("sources", (), {"since": "2026-03-04T12:00"}),
    ("chain", ("tcp",), {"first": "ip", "then": "payload", "within": 600}),
    ("chain", (), {"first": "udp", "then": ["udp", "ip"], "within": "1d", "at": "anywhere", "bin": "90m", "limit": 7}),
    ("local", ("udp",), {"since": "2026-03-04T12:00"}),
    ("cache", (), {"bin": "1d"}),
    ("coverage", (), {}),
    ("darknet", (), {"bin": "30m", "group": "block", "limit": 9}),
]


@pytest.mark.parametrize(("verb", "words", "named"), ASKED)
def test_the_same_answer(
    remote: RemoteTelescope, local: Telescope, verb: str, words: tuple[str, ...], named: dict[str, Any]
) -> None:
    found, wanted = (getattr(telescope, verb)(*words, **named) for telescope in (remote, local))
    assert found.table.equals(wanted.table, check_metadata=True)
    assert found.record.asked == ("a",)
    expected = dataclasses.replace(wanted.record, seconds=found.record.seconds, stores=(), asked=("a",))
    assert found.record == expected


def test_the_same_payload_and_export(remote: RemoteTelescope, local: Telescope, tmp_path: Path) -> None:
    signature = local.payloads(limit=1).rows()[0]["signature"]
    assert remote.payload(signature[:8]) == remote.payload(f"{signature}/1") == local.payload(signature)
    for format in FORMATS:
        found, wanted = io.BytesIO(), io.BytesIO()
        report = remote.export(found, format, "udp", since="2026-03-04")
        assert report == local.export(wanted, format, "udp", since="2026-03-04")
        assert found.getvalue() == wanted.getvalue()
    remote.export(tmp_path / "x.pcap")
    assert (tmp_path / "x.pcap").stat().st_size > 24
    with pytest.raises(ValueError, match="filter, column 1"):
        remote.export(tmp_path / "y.pcap", "pcap", "tpc")
    assert not (tmp_path / "y.pcap").exists()


def test_a_refusal_is_a_value_error_with_its_line(served: Served, remote: RemoteTelescope) -> None:
    with pytest.raises(FilterError) as found:
        remote.count("tcp and (udp")
    assert (found.value.column, found.value.text) == (13, "tcp and (udp")
    assert str(found.value).startswith("filter, column 13: it ends here")
    with pytest.raises(ValueError, match="meant destination_port"):
        remote.top("destination_prot")
    with pytest.raises(ValueError, match="no payload is stored whose signature begins with 000000"):
        remote.payload("000000")
    with pytest.raises(ValueError, match="expected 6 to 32 hex digits"):
        remote.payload("../tokens")
    with pytest.raises(ValueError, match="authentication required"), RemoteTelescope(served.url, "wrong") as stranger:
        stranger.count()
    with (
        pytest.raises(ValueError, match="this is for operators; your role is viewer"),
        RemoteTelescope(served.url, served.world.tokens["viewer"]) as viewer,
    ):
        viewer.export(io.BytesIO())


URLS = {
    "http://portal.example": "plain http shows the token to everyone",
    "http://198.51.100.7:8000": "plain http",
    "http://127.0.0.1.evil.example": "plain http",
    "http://localhost@evil.example": "neither a name nor a password",
    "ftp://portal.example": "expected https://HOST",
    "portal.example": "expected https://HOST",
    "https://": "expected https://HOST",
    "https://ada:secret@portal.example": "neither a name nor a password",
    "https://portal.example:99999": "portal 'https://portal.example:99999'",
    "https://[::1": "portal 'https://[::1'",
}


@pytest.mark.parametrize("url", URLS)
def test_urls_that_would_show_the_token_or_are_none_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as found:
        RemoteTelescope(url, "token")
    assert URLS[url] in str(found.value)
    assert "secret" not in str(found.value)


def test_a_token_with_line_breaks_is_none() -> None:
    for token in ("", "a b", "a\r\nHost: evil", "ü", "x" * 513):
        with pytest.raises(ValueError, match="invalid token"):
            RemoteTelescope("https://portal.example", token)


def test_certificates_are_read_when_it_is_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected certificates in PEM"):
        RemoteTelescope("https://portal.example", "x", ca=tmp_path / "none.pem")
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(ValueError, match="holds no certificate in PEM"):
        RemoteTelescope("https://portal.example", "x", ca=tmp_path / "text.pem")


BAD = {
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello": "did not send a portal's answer",
    b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello": "can't be reached",
    b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n": "answered 302 Found; is it a portal?",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n<h1>": "answered 404 Not Found; is it a portal?",
    b'HTTP/1.1 503 No\r\nContent-Length: 24\r\n\r\n{"error": "it\\u001b[2J"}': "it\\x1b[2J",
    b"SSH-2.0-OpenSSH_9.2\r\n": "can't be reached",
    b"": "can't be reached",
}


def test_why_a_portal_cannot_be_reached_is_said_in_our_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert (
            unreached(url)
            == f"{url} can't be reached: what answers there doesn't speak TLS, or none that is taken here"
        )
        thread.join()
    assert unreached(url) == f"{url} can't be reached: Connection refused"
    nowhere = "https://no-such-name.invalid"
    assert unreached(nowhere) == f"{nowhere} can't be reached: its name has no address (DNS)"


def unreached(url: str) -> str:
    with RemoteTelescope(url, "x") as remote, pytest.raises(OSError, match=r"can't be reached") as found:
        remote.count()
    assert found.value.__cause__ is not None
    return str(found.value)


@pytest.mark.parametrize("octets", BAD)
def test_what_is_no_portal_is_an_os_error(octets: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(octets)

        thread = threading.Thread(target=answer)
        thread.start()
        with (
            pytest.raises(OSError, match=r".") as found,
            RemoteTelescope(f"http://127.0.0.1:{server.getsockname()[1]}", "x") as remote,
        ):
            remote.count()
        thread.join()
    assert BAD[octets] in str(found.value)
    assert str(found.value).isprintable()


LINES = [
    ["query", "count"],
    ["query", "series", "--bin", "1h"],
    ["query", "series", "udp", "--group", "/8", "--metric", "sources", "--limit", "9"],
    ["query", "top", "destination_port", "--per-24"],
    ["query", "packets", "--limit", "6"],
    ["query", "payloads", "--limit", "3"],
    ["query", "sources", "tcp"],
    ["query", "chain", "--first", "ip", "--then", "payload", "--limit", "9"],
    ["query", "chain", "tcp", "--first", "ip", "--then", "ip", "--then", "payload", "--at", "sensor", "--bin", "6h"],
    ["query", "local", "tcp"],
    ["query", "cache", "--bin", "1d"],
    ["query", "coverage"],
    ["query", "darknet", "--bin", "6h", "--group", "sensor"],
]


def printed(capfdbinary: pytest.CaptureFixture[bytes], *words: str | Path) -> tuple[bytes, bytes]:
    """What `ims` prints, run in this process: a new one takes seconds."""
    app([str(word) for word in words], standalone_mode=False)
    found = capfdbinary.readouterr()
    return found.out, found.err


@pytest.mark.parametrize("line", LINES, ids=[" ".join(line) for line in LINES])
def test_the_command_line_prints_the_same(
    served: Served, one_store: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], line: list[str]
) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(served.world.tokens["operator"] + "\n")
    for format in ("table", "json", "csv"):
        wanted = printed(capfdbinary, *line, "--store", one_store, "--format", format)
        portal = ("--portal", served.url, "--token-file", file)
        assert printed(capfdbinary, *line, *portal, "--format", format) == wanted
        assert wanted[0]


@pytest.mark.parametrize("format", FORMATS)
def test_the_command_line_exports_the_same(
    served: Served,
    one_store: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    format: str,
) -> None:
    monkeypatch.setenv("IMS_TOKEN", served.world.tokens["operator"])
    words = ("export", format, "tcp dst port 445", "--out", "-")
    wanted = printed(capfdbinary, *words, "--store", one_store)
    assert printed(capfdbinary, *words, "--portal", served.url) == wanted
    assert b" packets to standard output" in wanted[1]


def test_a_process_of_its_own_prints_the_same(served: Served, one_store: Path) -> None:
    environment = {**os.environ, "IMS_TOKEN": served.world.tokens["operator"]}
    wanted = cli("query", "count", "--store", one_store)
    found = cli("query", "count", "--portal", served.url, env=environment)
    assert (found.returncode, found.stdout, found.stderr) == (0, wanted.stdout, wanted.stderr)


def test_from_is_one_of_store_and_portal(
    served: Served, one_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMS_TOKEN", raising=False)
    (tmp_path / "token").write_text("x")
    for words, says in {
        (): "expected --store DIR, --portal URL or --lake URI; found none",
        ("--store", one_store, "--portal", served.url): "found --store and --portal",
        ("--store", one_store, "--lake", tmp_path): "found --store and --lake",
        ("--store", one_store, "--engine", "spark"): "--engine and --lake-config go with --lake",
        ("--lake", one_store): "is a store; expected a lake",
        ("--lake", one_store, "--engine", "presto"): "expected duckdb or spark",
        ("--store", one_store, "--ca", "x"): "--token-file and --ca go with --portal",
        ("--portal", served.url): "--token-file FILE, or IMS_TOKEN in the environment",
        ("--portal", served.url, "--token-file", tmp_path / "none"): "No such file",
        ("--portal", "http://portal.example", "--token-file", tmp_path / "token"): "plain http shows the token",
    }.items():
        for command in (("query", "count"), ("export", "pcap", "--out", tmp_path / "x")):
            with pytest.raises((ValueError, OSError), match=r".") as found:
                app([str(word) for word in (*command, *words)], standalone_mode=False)
            assert says in str(found.value)
            assert not (tmp_path / "x").exists()
    done = cli("query", "count")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ims: expected --store DIR, --portal URL or --lake URI; found none\n"


@pytest.mark.parametrize("given", [1772625600, "1772625600", 1772625600000, "1772625600000000", 1772625600.0])
def test_numbers_are_sent_as_iso_8601_which_every_portal_reads_alike(given: str | float) -> None:
    assert _words(since=given, until="2026-03-05") == {
        "since": "2026-03-04T12:00:00+00:00", "until": "2026-03-05",
    }  # fmt: skip


def test_a_typed_request_is_sent_in_the_verb_s_own_words() -> None:
    request = make_request("top", "tcp or dst port 80", since=1772625600, group="/8", limit=3)
    assert _words_of(request) == {
        "column": "source/8", "filter": str(request.filter), "metric": "packets", "per_24": False, "limit": 3,
        "since": "2026-03-04T12:00:00+00:00",
    }  # fmt: skip
    assert _words_of(make_request("series", None, bin="90m")) == {
        "bin": "5400000ms", "metric": "packets", "per_24": False,
    }  # fmt: skip
    steps = {"first": "tcp or dst port 80", "then": ["udp", "payload"]}
    asked = make_request("chain", None, **steps, within="90s", at="anywhere")
    assert asked.chain is not None
    assert _words_of(asked) == {
        "first": str(asked.chain.first), "then": [*map(str, asked.chain.then)], "within": "90000ms", "at": "anywhere",
    }  # fmt: skip
    assert _words_of(make_request("chain", "tcp", **steps, bin="1w"))["bin"] == "604800000ms"
    with pytest.raises(ValueError, match="whole milliseconds"):
        _words_of(Request(verb="cache", bin=1500))
    with pytest.raises(ValueError, match="whole milliseconds"):
        _words_of(asked.model_copy(update={"chain": asked.chain.model_copy(update={"within": 1500})}))
    with pytest.raises(ValueError, match="hides sources by its callers' roles"):
        _words_of(request.hiding(((1, 2),)))


def test_a_typed_request_is_answered_as_its_words_are(remote: RemoteTelescope, one_store: Path) -> None:
    for request in (
        make_request("count", "udp or dst port 80"),
        make_request("top", None, group="destination_port", limit=5),
        make_request("series", "tcp", bin="30m", group="block", per_24=True),
        make_request("chain", "tcp", first="ip", then=["ip", "payload"], within="1h", at="sensor", bin="2h", limit=9),
        make_request("chain", None, first="udp", then="udp", within="1d", at="anywhere"),
        make_request("coverage", None),
        make_request("darknet", None, bin="1w", group="block"),
    ):
        assert remote.ask(request).table.equals(ims.open(one_store).ask(request).table)
