"""The server of metrics: a few callers at a time, each with some seconds, and a registry that two scrapes share."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import Counter

from ims import exposition
from ims.exposition import CONNECTIONS, new_registry, serve_metrics

from .free_port import free_port


@pytest.fixture
def port() -> Iterator[int]:
    registry, port = new_registry(), free_port()
    Counter("ims_tries", "Tries.", registry=registry).inc(3)
    end = serve_metrics(f"127.0.0.1:{port}", registry)
    yield port
    end()


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as found:
        return str(found.read().decode())


def test_what_was_counted_is_told_once_a_name(port: int) -> None:
    text = scraped(port)
    assert "\nims_tries_total 3.0\n" in text
    assert "_created" not in text
    assert "process_resident_memory_bytes" in text


def test_more_callers_than_there_is_room_for_are_closed_and_the_next_are_served(port: int) -> None:
    waiting = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(CONNECTIONS)]
    with socket.create_connection(("127.0.0.1", port), 30) as one_more:
        assert one_more.recv(1) == b""
    for each in waiting:
        each.close()
    assert "ims_tries_total" in scraped_in_the_end(port)


def scraped_in_the_end(port: int) -> str:
    """Places become free when their threads have seen that the callers went."""
    while True:
        try:
            return scraped(port)
        except OSError:
            continue


def test_who_says_nothing_is_not_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition._Handler, "timeout", 0.1)
    with socket.create_connection(("127.0.0.1", port), 30) as silent:
        silent.sendall(b"GET /metrics")
        assert silent.recv(1) == b""


def test_a_port_that_is_taken_is_named(port: int) -> None:
    with pytest.raises(OSError, match=f"metrics = '127.0.0.1:{port}': Address already in use"):
        serve_metrics(f"127.0.0.1:{port}", new_registry())


def test_who_sends_an_octet_now_and_then_is_ended_all_the_same(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "PATIENCE_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", port), 30) as slow:
        slow.settimeout(0.02)
        while True:  # never silent for as long as its socket's timeout
            try:
                slow.sendall(b"G")
                if slow.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert "ims_tries_total" in scraped(port)


def test_where_no_thread_can_be_begun_no_place_is_lost(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(exposition.threading.Thread, "start", none)
        for _ in range(CONNECTIONS + 1):
            with socket.create_connection(("127.0.0.1", port), 30) as refused:
                assert refused.recv(1) == b""
    assert "ims_tries_total" in scraped_in_the_end(port)
