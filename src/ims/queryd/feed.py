"""What is new in a store, read once for all its followers: together they take one follower's memory.

A look has what came since the look before. Looks are kept for slower followers, as far as there is room; one that falls
further behind gets an error.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa

from ims.queryd.news import News


class BehindError(Exception):
    """A look that a follower hasn't taken yet isn't kept any more."""


class Look(NamedTuple):
    """The parts of one batch, and what the store had ever watched when it was made."""

    parts: dict[str, pa.Table]
    watched: tuple[str, ...]

    @property
    def octets(self) -> int:
        """How much memory it takes."""
        return sum(table.nbytes for table in self.parts.values())


class _Run:
    """The looks from the first follower's begin until there is none, or until looking fails. Under the feed's lock."""

    def __init__(self, news: News) -> None:
        self.news, self.followers = news, 0
        self.error: Exception | None = None
        self.looked = 0.0
        self.kept: deque[Look] = deque()
        self.end = self.octets = 0
        """number of all looks that had something, and octets of those that are kept"""

    def look(self, most: int) -> None:
        """Look for what is new; keep `most` octets, and always the last look."""
        self.looked = time.monotonic()
        try:
            found = Look(self.news.since_last(), self.news.watched)
        except Exception as error:  # it isn't known any more what was sent
            self.error = error
            raise
        if any(table.num_rows for table in found.parts.values()):
            self.kept.append(found)
            self.octets += found.octets
            self.end += 1
        while len(self.kept) > 1 and self.octets > most:
            self.octets -= self.kept.popleft().octets


class Follower:
    """One follower's place among the looks."""

    def __init__(self, feed: Feed, run: _Run) -> None:
        self._feed, self._run, self._at = feed, run, run.end

    @property
    def watched(self) -> tuple[str, ...]:
        """What the store had ever watched, at the last look."""
        return self._run.news.watched

    def new(self, every: float) -> list[Look]:
        """The looks since the last call, or since it began, in order, with a new one if there was none for half of
        `every` seconds. Raises BehindError, and as News.since_last, whichever follower looked."""
        with self._feed.lock:
            run = self._run
            if run.error is not None:
                raise run.error.with_traceback(None)  # the traceback would keep what each of many followers held
            if time.monotonic() - run.looked >= every / 2:
                run.look(self._feed.most)
            missed = run.end - self._at
            if missed > len(run.kept):
                raise BehindError
            self._at = run.end
            return list(run.kept)[len(run.kept) - missed :]


class Feed:
    """Thread-safe. `news`: makes what looks; `most`: octets of looks that are kept."""

    def __init__(self, news: Callable[[], News], most: int) -> None:
        self.lock, self.most, self._news = threading.Lock(), most, news
        self._run: _Run | None = None

    @contextmanager
    def follower(self) -> Iterator[Follower]:
        """A follower of what comes from now on. Raises as News.since_last."""
        with self.lock:
            if self._run is None or self._run.error is not None:
                self._run = _Run(self._news())
            run = self._run
            run.followers += 1
        try:
            with self.lock:
                if run.error is None:
                    run.look(self.most)  # this follower doesn't get what came before
                follower = Follower(self, run)
            yield follower
        finally:
            with self.lock:
                run.followers -= 1
                if not run.followers:
                    run.news.close()
                    self._run = None if self._run is run else self._run
