"""Those who follow what comes in: told until they go or the daemon ends, a few at a time."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import pytest

from ims.link.contract import TAIL, Tail
from ims.link.envelope import gathered, opened
from ims.queryd import first_octets
from ims.queryd.metrics import QuerydMetrics
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import BusyError

from .live_store import Live, told

NAME = "ims_queryd_live_left_out_total"


def test_a_follower_is_told_until_it_goes(live: Live) -> None:
    """By the real clock: what is stored while it listens, and an end after each batch."""
    tailing, gone = TailService(live.path), threading.Event()
    rows = tailing.follow(Tail(version=2, every=0.1), gone.is_set)
    batch: list[Any] = []
    packets, ends = 0, 0
    for row in rows:
        batch.append(row)
        if not opened(row)[0]:
            parts, _ = gathered(batch, TAIL, 1000, 1 << 20)
            batch, ends = [], ends + 1
            packets += sum(found["packets"] for found in told(parts))
            if ends == 1:
                live.come(time.time(), 4)
                live.show()
            if packets == 4:
                gone.set()
        assert ends < 600, "it was never told"
    assert packets == 4


def test_what_followers_are_not_told_for_want_of_room_is_counted(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_octets, "MOST_READ", 0)
    metrics = QuerydMetrics()
    tailing = TailService(live.path, left_out=metrics.left_out)
    rows = tailing.follow(Tail(version=2, every=0.1), lambda: False)
    next(rows)
    live.come(time.time(), new=b"GET /")
    live.show()
    told = (metrics.registry.get_sample_value(NAME, {"what": "octets"}) for _ in itertools.islice(rows, 2_000))
    assert any(told), "it was never counted"
    tailing.stop()
    assert metrics.registry.get_sample_value(NAME, {"what": "new"}) == 0


def test_followers_end_when_the_daemon_does(live: Live) -> None:
    tailing = TailService(live.path)
    rows = tailing.follow(Tail(version=2, every=60), lambda: False)
    next(rows)
    tailing.stop()
    assert len(list(rows)) <= 3


def test_there_are_places_for_a_few_followers_and_of_each_caller(live: Live) -> None:
    tailing = TailService(live.path, listeners=3, each=2)
    with tailing.listener("a"), tailing.listener("a"):
        with pytest.raises(BusyError), tailing.listener("a"):
            pass
        with tailing.listener("b"), pytest.raises(BusyError), tailing.listener("c"):
            pass
    with tailing.listener("c"), tailing.listener("a"), tailing.listener("a"):
        pass
