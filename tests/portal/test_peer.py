"""A sensor's daemon that lies takes no more of the portal's memory than an answer may."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from ims.link.contract import TAIL, End, Tail
from ims.link.envelope import ENVELOPE, LONGEST_BODY, ending, pieces, put
from ims.portal.fault import Fault
from ims.portal.peer import TAIL_OCTETS, WORDS_OCTETS, Peer
from ims.portal.registry import RegisteredSensor

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
    """Answers everything with the same row, without an end, after one batch that has one; `sent`: how many. What is
    small comes in advance."""

    def __init__(self, row: pa.RecordBatch) -> None:
        super().__init__("grpc://127.0.0.1:0")
        self._row, self.sent = row, 0
        self.ended = threading.Event()

    def do_get(self, context: Any, ticket: Any) -> Any:
        return fl.GeneratorStream(ENVELOPE, self._rows(context))

    def _rows(self, context: Any) -> Iterator[pa.RecordBatch]:
        yield from NEWS
        yield ending(End(seconds=0.0, parts=dict.fromkeys(TAIL, 0)))
        while not context.is_cancelled() and not self.ended.is_set():
            self.sent += 1
            yield self._row


@pytest.mark.parametrize(
    ("row", "most", "said"),
    [
        (put("new", bytes(OCTETS)), 64, "can't be read"),
        (next(pieces("new", PAYLOADS)), TAIL_OCTETS // OCTETS + 64, "67,108,864 octets"),
        (next(pieces("new", TAIL["new"].empty_table())), None, "isn't an answer"),
        (pa.RecordBatch.from_pylist([], schema=ENVELOPE), None, "isn't an answer"),
        (put("new", bytes(LONGEST_BODY + 2 * WORDS_OCTETS)), None, "a piece of more than 8,388,608 octets"),
    ],
    ids=["no table", "payloads", "nothing new", "no rows", "a long one"],
)
def test_news_without_an_end_are_left_off(row: pa.RecordBatch, most: int | None, said: str) -> None:
    with Liar(row) as liar:
        peer = Peer(RegisteredSensor(name="a", address=f"127.0.0.1:{liar.port}"), None)
        news = peer.follow(Tail(version=1))
        assert next(news)[0] == {name: schema.empty_table() for name, schema in TAIL.items()}
        with pytest.raises(Fault, match=said) as caught:
            next(news)
        liar.ended.set()
        peer.close()
    assert caught.value.kind == "garbage"
    assert most is None or liar.sent <= most, "it was listened to for too long"
