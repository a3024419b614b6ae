"""What comes in is told as it comes: once, exactly, and only what is new."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import ims
from ims.link.contract import TAIL
from ims.queryd import news as looking
from ims.queryd.first_octets import FIRST_OCTETS
from ims.queryd.news import News
from ims.store.damage import DamageError

from .live_store import BEGAN, Clock, Live, signature, told

SUMS = ("packets", "bytes", "payloads", "new_payloads", "verified")


def test_what_was_there_before_is_not_told(live: Live, clock: Clock) -> None:
    live.come(BEGAN - 5, 10, new=b"old")
    live.come(BEGAN, 10)
    live.show()
    news = News(live.path, 100)
    assert [told(news.since_last(), name) for name in TAIL] == [[], [], []]
    clock.now += 1
    live.come(BEGAN + 1, 3)
    live.show()
    [row] = told(news.since_last())
    assert (row["second"], row["packets"]) == (BEGAN + 1, 3)


def test_what_came_is_told_by_second_block_and_port(live: Live, clock: Clock) -> None:
    news = News(live.path, 100)
    news.since_last()
    clock.now += 2
    live.come(BEGAN + 1, 3, port=80, new=b"GET /")
    live.come(BEGAN + 1.999, 2, port=445)
    live.come(BEGAN + 2, 1, port=80, block=1, presumed=2040)
    live.show()
    parts = news.since_last()
    zero = {"payloads": 0, "new_payloads": 0, "verified": 0}
    first = {"second": BEGAN + 1, "sensor": "a", "block": "C/24"}
    other = {"second": BEGAN + 2, "sensor": "a", "block": "D/24", "packets": 1, "bytes": 2040, **zero}
    assert sorted(told(parts), key=repr) == [
        {**first, "packets": 5, "bytes": 500, "payloads": 1, "new_payloads": 1, "verified": 0}, other,
    ]  # fmt: skip
    ports = {(row["second"], row["destination_port"], row["block"]): row for row in told(parts, "ports")}
    assert {key: row["packets"] for key, row in ports.items()} == {
        (BEGAN + 1, 80, "C/24"): 3, (BEGAN + 1, 445, "C/24"): 2, (BEGAN + 2, 80, "D/24"): 1,
    }  # fmt: skip
    assert {(row["category"], row["protocol"]) for row in ports.values()} == {("scan", 6)}
    [new] = told(parts, "new")
    assert new == {
        **first, "protocol": 6, "destination_port": 80, "signature": signature(b"GET /"), "length": 5, "payload": b"GET /",
    }  # fmt: skip
    assert [told(news.since_last(), name) for name in TAIL] == [[], [], []]


def test_all_that_is_stored_is_told_however_often_one_looks(live: Live, clock: Clock) -> None:
    """Packets of two minutes, some of which come into the store seconds after others of their second."""
    dice = np.random.default_rng(1)
    news, seen = News(live.path, 10_000), Counter[str]()
    by_second: Counter[int] = Counter()
    news.since_last()
    before, new = live.stored, 0
    late: list[tuple[float, float, int, int]] = []
    for step in range(60):
        clock.now += 2
        for _ in range(3):
            moment = clock.now - dice.random() * 2
            late.append(
                (
                    clock.now + float(dice.choice([0, 0, 2, 8])),
                    moment,
                    int(dice.integers(1, 9)),
                    int(dice.integers(0, 2)),
                )
            )
        due = [one for one in late if one[0] <= clock.now]
        late = [one for one in late if one[0] > clock.now]
        for at, (_, moment, count, block) in enumerate(due):
            live.come(moment, count, block=block, new=b"%d" % step if at == 0 else None)
            by_second[int(moment)] += count
        new += bool(due)
        live.show()
        if step % 20 == 19:
            live.finish(int(clock.now))
        for _ in range(0 if 20 < step < 40 else int(dice.integers(0, 3))):
            parts = news.since_last()
            for row in told(parts):
                seen.update({name: row[name] for name in SUMS})
                by_second[row["second"]] -= row["packets"]
            seen["by port"] += sum(row["packets"] for row in told(parts, "ports"))
            seen["new"] += parts["new"].num_rows
    for row in told(parts := news.since_last()):
        seen.update({name: row[name] for name in SUMS})
        by_second[row["second"]] -= row["packets"]
    seen["by port"] += sum(row["packets"] for row in told(parts, "ports"))
    seen["new"] += parts["new"].num_rows
    assert seen["packets"] == seen["by port"] == live.stored - before
    assert not +by_second
    assert not -by_second
    assert seen["bytes"] == 100 * seen["packets"]
    assert seen["new_payloads"] == seen["payloads"] == seen["new"] == new


def test_a_new_payload_is_told_once_and_only_its_beginning(live: Live, clock: Clock) -> None:
    news = News(live.path, 100)
    news.since_last()
    clock.now += 1
    live.come(BEGAN + 1, new=b"x" * 2000)
    live.show()
    [row] = told(news.since_last(), "new")
    assert (row["length"], row["payload"]) == (2000, b"x" * FIRST_OCTETS)
    live.come(BEGAN + 1, 5)
    live.show()
    assert told(news.since_last(), "new") == []


def test_of_many_ports_the_busiest_are_told(live: Live, clock: Clock) -> None:
    news = News(live.path, 3)
    news.since_last()
    clock.now += 1
    for port in range(10):
        live.come(BEGAN + 1, 1 + port, port=port)
    live.show()
    parts = news.since_last()
    assert sorted(row["destination_port"] for row in told(parts, "ports")) == [7, 8, 9]
    assert told(parts)[0]["packets"] == 55


def test_memory_does_not_grow_with_time(live: Live, clock: Clock) -> None:
    news = News(live.path, 100)
    for second in range(1, 40):
        clock.now += 1
        live.come(BEGAN + second, new=b"%d" % second)
        live.show()
        news.since_last()
    assert all(len(known) <= looking.LOOK_BACK_SECONDS + 2 for known in news._told.values())
    assert len(news._signatures) <= looking.LOOK_BACK_SECONDS + 2


def test_of_more_ports_than_there_is_room_for_none_is_told_twice(live: Live, clock: Clock) -> None:
    news, told_of, stored = News(live.path, 1000, memory_bytes=64 << 20), Counter[tuple[int, int]](), Counter[Any]()
    news._most_told = 60
    news.since_last()
    blocks = 0
    for second in range(1, 8):
        clock.now += 1
        for port in range(40):
            for moment in {second, max(1, second - 3)}:  # some come late
                live.come(BEGAN + moment, 2, port=port)
                stored[BEGAN + moment, port] += 2
        live.show()
        parts = news.since_last()
        blocks += sum(row["packets"] for row in told(parts))
        for row in told(parts, "ports"):
            told_of[row["second"], row["destination_port"]] += row["packets"]
        assert len(news._told["ports"]) <= 60
        assert told_of[BEGAN + second, 7] > 0
    assert blocks == stored.total()
    assert all(told_of[key] <= stored[key] for key in told_of)
    assert told_of.total() < stored.total()


def test_a_store_that_cannot_be_read_is_an_error(live: Live, clock: Clock) -> None:
    news = News(live.path, 10)
    news.since_last()
    clock.now += 1
    live.come(BEGAN + 1)
    live.show()
    with ims.open(live.path) as telescope:
        assert telescope.count().rows()[0]["packets"] == live.stored
    for file in live.path.glob("_hot/packets/**/*.parquet"):
        file.write_bytes(b"PAR1")
    with pytest.raises(DamageError, match="is damaged: 4 octets where "):
        news.since_last()
