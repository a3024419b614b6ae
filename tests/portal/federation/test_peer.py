"""A sensor's daemon that lies takes no more of the portal's memory than an answer may."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from ims.link.contract import TAIL, End, Tail
from ims.link.envelope import EMPTY, ENVELOPE, LONGEST_BODY, ending, pieces, put
from ims.portal.federation.fault import Fault
from ims.portal.federation.peer import TAIL_OCTETS, WORDS_OCTETS, Peer
from ims.portal.federation.registry import RegisteredSensor

from ..gzipped import gzipping

OCTETS = 1 << 20
PAYLOADS = pa.table(
    [
        pa.array([random.Random(1).randbytes(OCTETS)], field.type)
        if field.name == "payload"
        else pa.nulls(1, field.type)
        for field in TAIL["new"]
    ],
    schema=TAIL["new"],
)
NEWS = [row for name, schema in TAIL.items() for row in pieces(name, schema.empty_table())]


class Liar(fl.FlightServerBase):  # type: ignore[misc]
    """Answers everything with the same piece, without an end, after one batch that has one; `sent`: how many. What is
    small comes in advance."""

    def __init__(self, piece: pa.Buffer) -> None:
        super().__init__("grpc://127.0.0.1:0")
        self._piece, self.sent = piece, 0
        self.ended = threading.Event()

    def do_get(self, context: Any, ticket: Any) -> Any:
        return fl.GeneratorStream(ENVELOPE, self._told(context))

    def _told(self, context: Any) -> Iterator[tuple[pa.RecordBatch, pa.Buffer]]:
        for piece in (*NEWS, ending(End(seconds=0.0, parts=dict.fromkeys(TAIL, 0)))):
            yield EMPTY, piece
        while not context.is_cancelled() and not self.ended.is_set():
            self.sent += 1
            yield EMPTY, self._piece


@pytest.mark.parametrize(
    ("piece", "most", "said"),
    [
        (put("new", bytes(OCTETS)), 64, "can't be read"),
        (next(pieces("new", PAYLOADS)), TAIL_OCTETS // OCTETS + 64, "67,108,864 octets"),
        (next(pieces("new", TAIL["new"].empty_table())), None, "an invalid response"),
        (pa.py_buffer(b""), None, "an invalid response"),
        (put("new", bytes(LONGEST_BODY + 2 * WORDS_OCTETS)), None, "octets, or the call was given up"),  # not taken in
    ],
    ids=["no table", "payloads", "nothing new", "nothing", "a long one"],
)
def test_news_without_an_end_are_left_off(piece: pa.Buffer, most: int | None, said: str) -> None:
    with Liar(piece) as liar:
        peer = Peer(RegisteredSensor(name="a", address=f"127.0.0.1:{liar.port}"), None)
        news = peer.follow(Tail(version=2))
        assert next(news)[0] == {name: schema.empty_table() for name, schema in TAIL.items()}
        with pytest.raises(Fault, match=said) as caught:
            next(news)
        liar.ended.set()
        peer.close()
    assert caught.value.kind == "garbage"
    assert most is None or liar.sent <= most, "it was listened to for too long"


class Columns(fl.FlightServerBase):  # type: ignore[misc]
    """Answers with columns, folded, which Flight itself unfolds."""

    def do_get(self, context: Any, ticket: Any) -> Any:
        zeros = pa.table({"n": pa.array(memoryview(bytes(UNFOLDED)).cast("q"), pa.int64())})
        return fl.RecordBatchStream(zeros, options=pa.ipc.IpcWriteOptions(compression="zstd"))


@contextlib.contextmanager
def columns() -> Iterator[int]:
    with Columns("grpc://127.0.0.1:0") as server:
        yield server.port


CALLER = """
import sys
from ims.link.contract import Tail
from ims.portal.federation.fault import Fault
from ims.portal.federation.peer import Peer
from ims.portal.federation.registry import RegisteredSensor

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) >> 10

before, peer = peak(), Peer(RegisteredSensor(name="a", address=f"127.0.0.1:{sys.argv[1]}"), None)
for call in (lambda: next(peer.follow(Tail(version=2))), lambda: peer.hello(60)):
    try:
        call()
    except Fault as fault:
        print(peak() - before, fault.kind)
"""
UNFOLDED = 60 << 20
"""Octets, eight of which are more than is taken in: what they are folded to isn't."""


@pytest.mark.parametrize("server", [columns, partial(gzipping, UNFOLDED)], ids=["columns", "gzip"])
def test_what_comes_is_not_unfolded_on_its_way(server: Callable[[], contextlib.AbstractContextManager[int]]) -> None:
    with server() as port:
        done = subprocess.run([sys.executable, "-c", CALLER, str(port)], capture_output=True, text=True, check=True)
    told = [line.split() for line in done.stdout.splitlines()]
    assert [kind for _, kind in told] == ["garbage", "garbage"]
    assert all(int(mebibytes) < UNFOLDED >> 21 for mebibytes, _ in told), told
