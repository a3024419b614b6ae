"""One look for all who follow: each is told all since it came, or that it fell behind, or what failed."""

from __future__ import annotations

import time

import pytest

from ims.queryd.feed import BehindError, Feed, Look
from ims.queryd.news import News
from ims.store.damage import DamageError

from .live_store import Live, told


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
