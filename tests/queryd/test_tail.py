"""What comes in is told as it comes: once, exactly, and only what is new."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import ims
from ims.decode.category import SCAN
from ims.link.contract import TAIL, Tail
from ims.link.envelope import gathered, opened
from ims.queryd import first_octets
from ims.queryd import news as looking
from ims.queryd.feed import BehindError, Feed, Look
from ims.queryd.first_octets import FIRST_OCTETS
from ims.queryd.metrics import QuerydMetrics
from ims.queryd.news import News
from ims.queryd.tail import Tailing
from ims.queryd.turns import BusyError
from ims.records import PAYLOAD, PRESUMED, WHOLE_TCP, arrow_schema, packet_batch
from ims.store.columns import Distinct, packets_table
from ims.store.damage import DamageError
from ims.store.writer import SensorWriter

from ..store.made import put

SECOND = 1_000_000
BEGAN = 1_772_582_400 + 12 * 3600
BLOCKS = ["C/24", "D/24"]
NOTHING = Distinct(np.zeros(0, np.uint8), np.zeros(2, np.int32))
NAME = "ims_queryd_live_left_out_total"
SUMS = ("packets", "bytes", "payloads", "new_payloads", "verified")


class Clock:
    """The time, as a test sets it."""

    def __init__(self) -> None:
        self.now = float(BEGAN)

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(looking.time, "time", made.time)
    return made


class Live:
    """A store that packets come into."""

    def __init__(self, path: Path) -> None:
        self.path, self._writer = path, SensorWriter(path, "a", lanes=1)
        self.stored = 0

    def come(
        self,
        seconds: float,
        count: int = 1,
        port: int = 80,
        block: int = 0,
        new: bytes | None = None,
        presumed: int = 0,
    ) -> None:
        """`count` packets of this moment, the first with a new payload. `presumed`: their length, left to hardware."""
        batch = packet_batch(count)
        for column in batch:
            column[:] = 0
        batch.time[:count] = round(seconds * SECOND)
        batch.total_length[:count] = 100
        batch.layers[:count] = WHOLE_TCP
        if presumed:
            batch.total_length[:count], batch.presumed_length[:count] = 0, presumed
            batch.layers[:count] |= PRESUMED
        batch.protocol[:count] = 6
        batch.category[:count] = SCAN
        batch.destination_port[:count] = port
        batch.block[:count] = block
        signatures = np.zeros((1, 16), np.uint8)
        if new is not None:
            batch.layers[0] |= PAYLOAD
            batch.payload_length[0], batch.new_payload[0] = len(new), 1
            signatures = np.frombuffer(signature(new), np.uint8).reshape(1, 16)
            put(self._writer, "payloads", payload(new, round(seconds * SECOND)))
        put(self._writer, "packets", packets_table(batch, count, BLOCKS, signatures, NOTHING))
        self.stored += count

    def show(self) -> None:
        self._writer.checkpoint()

    def finish(self, hour: int) -> None:
        self._writer.checkpoint(publish_before_us=hour * SECOND)

    def close(self) -> None:
        self._writer.close()


def signature(octets: bytes) -> bytes:
    import hashlib

    return hashlib.md5(octets).digest()


def payload(octets: bytes, micros: int) -> pa.Table:
    row = {
        "signature": signature(octets), "day": micros // (86_400 * SECOND), "first_seen": micros, "length": len(octets),
        "payload": octets, "protocol": 6, "destination_port": 80, "source": 1, "ever_first_seen": micros, "truncated": False,
    }  # fmt: skip
    columns = []
    for field in arrow_schema("payloads"):
        kind = (
            pa.int32()
            if pa.types.is_date32(field.type)
            else pa.int64()
            if pa.types.is_timestamp(field.type)
            else field.type
        )
        columns.append(pa.array([row[field.name]], kind).cast(field.type))
    return pa.table(columns, schema=arrow_schema("payloads"))


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    made = Live(tmp_path / "STORE")
    made.come(BEGAN - 3600)
    made.show()
    yield made
    made.close()


def told(parts: dict[str, pa.Table], name: str = "blocks") -> list[dict[str, Any]]:
    assert {part: table.schema for part, table in parts.items()} == TAIL
    return parts[name].to_pylist()


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


def test_all_who_follow_share_one_look_and_each_is_told_all_since_it_came(live: Live) -> None:
    made: list[News] = []

    def news() -> News:
        made.append(News(live.path, 100))
        return made[-1]

    feed = Feed(news, 1 << 20)
    with feed.follower() as first:
        live.come(time.time(), 3)
        live.show()
        with feed.follower() as second:  # whose coming has the first's found
            live.come(time.time(), 4)
            live.show()
            assert [packets_of(look) for look in second.new(0)] == [4]
            assert [packets_of(look) for look in first.new(60)] == [3, 4]
            assert first.new(60) == second.new(60) == []
    with feed.follower() as third:
        assert third.new(60) == []
    assert len(made) == 2


def test_one_who_falls_behind_is_told_so_and_others_go_on(live: Live) -> None:
    feed = Feed(lambda: News(live.path, 100), most=1)
    with feed.follower() as slow, feed.follower() as other:
        for count in (1, 2):
            live.come(time.time(), count)
            live.show()
            assert [packets_of(look) for look in other.new(0)] == [count]
        with pytest.raises(BehindError):
            slow.new(60)


def test_where_looking_fails_all_who_follow_are_told_and_whoever_comes_begins_anew(live: Live) -> None:
    feed = Feed(lambda: News(live.path, 100), 1 << 20)
    with feed.follower() as one, feed.follower() as other:
        live.come(time.time())
        live.show()
        files = list(live.path.glob("_hot/packets/**/*.parquet"))
        octets = {path: path.read_bytes() for path in files}
        for path in files:
            path.write_bytes(b"PAR1")
        for follower in (one, other):
            with pytest.raises(DamageError):
                follower.new(0)
        for path in files:
            path.write_bytes(octets[path])
        with feed.follower() as third:
            assert third.new(60) == []


def packets_of(look: Look) -> int:
    return sum(row["packets"] for row in told(look.parts))


def test_a_follower_is_told_until_it_goes(live: Live) -> None:
    """By the real clock: what is stored while it listens, and an end after each batch."""
    tailing, gone = Tailing(live.path), threading.Event()
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
    tailing = Tailing(live.path, left_out=metrics.left_out)
    rows = tailing.follow(Tail(version=2, every=0.1), lambda: False)
    next(rows)
    live.come(time.time(), new=b"GET /")
    live.show()
    told = (metrics.registry.get_sample_value(NAME, {"what": "octets"}) for _ in itertools.islice(rows, 2_000))
    assert any(told), "it was never counted"
    tailing.stop()
    assert metrics.registry.get_sample_value(NAME, {"what": "new"}) == 0


def test_followers_end_when_the_daemon_does(live: Live) -> None:
    tailing = Tailing(live.path)
    rows = tailing.follow(Tail(version=2, every=60), lambda: False)
    next(rows)
    tailing.stop()
    assert len(list(rows)) <= 3


def test_there_are_places_for_a_few_followers_and_of_each_caller(live: Live) -> None:
    tailing = Tailing(live.path, listeners=3, each=2)
    with tailing.listener("a"), tailing.listener("a"):
        with pytest.raises(BusyError), tailing.listener("a"):
            pass
        with tailing.listener("b"), pytest.raises(BusyError), tailing.listener("c"):
            pass
    with tailing.listener("c"), tailing.listener("a"), tailing.listener("a"):
        pass


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
