"""Callers who take nothing of their answers are cut off, and what they held is another's."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from ims.link.contract import Ask, End, Tail, written
from ims.link.envelope import ending, put
from ims.queryd import service
from ims.queryd.connections import OPEN, end_connection, read_peer
from ims.queryd.thread_queue import ThreadQueue

from .test_service import COUNT, DEADLINE, Door, ask, door, hello, within
from .waiting import crowd, until

LONG = written(Ask(version=2, questions=(COUNT,), seconds=600, behalf="long"))


class Plenty:
    """Answers whoever asks in the name of `long` more than any window holds, and others at once."""

    def __init__(self) -> None:
        self.piece = put("0/totals", np.random.default_rng(1).bytes(1 << 20))

    def interrupt(self) -> None:
        """There is nothing to interrupt."""

    def answer(self, ask: Ask, watched: Callable[[Any], None]) -> Iterator[pa.Buffer]:
        watched(self)
        while ask.behalf == "long":
            yield self.piece
        yield ending(End(seconds=0.0))


@contextmanager
def plenty(folder: Path, store: Path, **words: Any) -> Iterator[Door]:
    """One place for all questions."""
    with door(folder, store, answerer=Plenty(), turns=ThreadQueue(1, each=2, waiting=2), **words) as made:
        yield made


def begun(opened: Door, client: Any, ticket: bytes = LONG) -> Any:
    """The reader of an answer of which nothing more is read."""
    reader = client.do_get(fl.Ticket(ticket), within(10 * DEADLINE))
    reader.read_chunk()
    return reader


def read_to_the_error(reader: Any) -> None:
    with pytest.raises(pa.ArrowException):
        for _ in reader:
            pass


def test_one_who_stops_reading_is_cut_off_and_the_place_is_another_s(tmp_path: Path, one_store: Path) -> None:
    with crowd(1) as threads, plenty(tmp_path, one_store, taking_seconds=1.0) as opened:
        honest = opened.portal("honest")
        reader = begun(opened, opened.portal("stops"))
        answered = threads.go(ask, honest)
        until(lambda: opened.turns.waiting == 1)
        assert hello(honest).program == "test"
        assert len(answered.result(DEADLINE)) == 1
        read_to_the_error(reader)


def test_a_question_s_deadline_holds_for_one_who_stops_reading(
    tmp_path: Path, one_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "GRACE_SECONDS", 0.1)
    with plenty(tmp_path, one_store, taking_seconds=10 * DEADLINE) as opened:
        begin = written(Ask(version=2, questions=(COUNT,), seconds=0.5, behalf="long"))
        reader = begun(opened, opened.portal("stops"), begin)
        assert len(ask(opened.portal("honest"))) == 1
        read_to_the_error(reader)


def test_one_who_reads_is_answered_however_long_it_takes(tmp_path: Path, one_store: Path) -> None:
    """Each piece has its own time: the answer has much more."""
    with plenty(tmp_path, one_store, taking_seconds=1.0) as opened:
        reader = begun(opened, opened.portal("reads"))
        pause = threading.Event()
        for _ in range(40):
            pause.wait(0.05)  # 2 s in all, of which each piece has its own second
            assert reader.read_chunk().app_metadata.size > 1 << 20
        reader.cancel()


def test_a_daemon_ends_while_one_reads_nothing(tmp_path: Path, one_store: Path) -> None:
    with crowd(1) as threads, plenty(tmp_path, one_store, taking_seconds=10 * DEADLINE) as opened:
        reader = begun(opened, opened.portal("stops"))
        threads.go(opened.service.shutdown).result(DEADLINE)
        assert opened.turns.running == 0
        read_to_the_error(reader)


def test_a_follower_who_stops_reading_gives_its_place_back(
    tmp_path: Path, one_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piece = Plenty().piece

    def endless(self: Any, tail: Tail, gone: Callable[[], bool]) -> Iterator[pa.Buffer]:
        while True:
            yield piece

    monkeypatch.setattr(service.TailService, "follow", endless)
    with plenty(tmp_path, one_store, taking_seconds=1.0) as opened:
        reader = begun(opened, opened.portal("stops"), written(Tail(version=2)))
        assert opened.tailing.listening == 1
        until(lambda: opened.tailing.listening == 0)
        reader.cancel()


def test_the_connection_of_a_peer_ends_and_others_stay() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        ours, others = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
        taken = [listening.accept()[0] for _ in range(2)]
        with ours, others, taken[0], taken[1]:
            name = f"ipv4:127.0.0.1:{ours.getsockname()[1]}"
            assert not end_connection(name, port + 1)
            assert end_connection(name, port)
            assert ours.recv(1) == b""
            others.sendall(b"x")
            assert taken[1].recv(1) == b"x"


@pytest.mark.parametrize("is_there", [True, False])
def test_looking_for_a_connection_leaves_no_descriptor_open(tmp_path: Path, is_there: bool) -> None:
    """Whatever a process has open: files, a folder, pipes, and sockets of other kinds."""
    (tmp_path / "file").write_bytes(b"x")
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context((tmp_path / "file").open("rb"))
        for number in (os.open(tmp_path, os.O_RDONLY), *os.pipe()):
            stack.callback(os.close, number)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            for end in (*socket.socketpair(type=kind), socket.socket(socket.AF_INET, kind)):
                stack.enter_context(end)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listening.getsockname()[1]
        ours = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        stack.enter_context(listening.accept()[0])
        name = f"ipv4:127.0.0.1:{ours.getsockname()[1]}"
        before, times = len(list(OPEN.iterdir())), 20  # what earlier tests had open may be closed meanwhile
        for _ in range(times):
            assert end_connection(name, port if is_there else port + 1) == is_there
        assert len(list(OPEN.iterdir())) < before + times, "one more each time"


@pytest.mark.parametrize(
    ("peer", "address", "port"),
    [
        ("ipv4:192.0.2.1:40000", "192.0.2.1", 40000),
        ("ipv6:%5B2001:db8::1%5D:40000", "2001:db8::1", 40000),
        ("ipv6:[::ffff:192.0.2.1]:1", "192.0.2.1", 1),
        ("ipv6:%5Bfe80::1%252%5D:1", "fe80::1", 1),
    ],
)
def test_peers_are_read_as_grpc_names_them(peer: str, address: str, port: int) -> None:
    found = read_peer(peer)
    assert (str(found[0]), found[1]) == (address, port)


@pytest.mark.parametrize("peer", ["", "unix:", "unix:/run/x", "ipv4:192.0.2.1", "ipv4:999.0.2.1:1", "ipv6:[::1:1"])
def test_what_is_no_peer_with_an_address_is_refused(peer: str) -> None:
    with pytest.raises(ValueError, match=r"no peer|does not appear"):
        read_peer(peer)
