"""What is new in a store, looked for once for all who follow it: their memory is one follower's.

A look has what came since the look before. Looks are kept for those who come for them later, as far as there is room;
who falls behind that is told so.
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
    """What a follower hasn't taken yet isn't kept any more."""


class Look(NamedTuple):
    """The parts of one batch, and what the store had ever watched when it was made."""

    parts: dict[str, pa.Table]
    watched: tuple[str, ...]

    @property
    def octets(self) -> int:
        """How much memory it takes."""
        return sum(table.nbytes for table in self.parts.values())


class _Run:
    """From when there is a first follower until there is none, or until looking fails: what it finds, and where it is.
    Under the feed's lock."""

    def __init__(self, news: News) -> None:
        self.news, self.followers = news, 0
        self.error: Exception | None = None
        self.looked = 0.0
        self.kept: deque[Look] = deque()
        self.end = self.octets = 0
        """Looks that had something, in all, and octets of those that are kept."""

    def look(self, most: int) -> None:
        """Look for what is new; keep `most` octets, and the last look in any case."""
        self.looked = time.monotonic()
        try:
            found = Look(self.news.since_last(), self.news.watched)
        except Exception as error:  # what was told is not known any more
            self.error = error
            raise
        if any(table.num_rows for table in found.parts.values()):
            self.kept.append(found)
            self.octets += found.octets
            self.end += 1
        while len(self.kept) > 1 and self.octets > most:
            self.octets -= self.kept.popleft().octets


class Follower:
    """Where one who follows is. `watched`: what the store had ever watched at the last look."""

    def __init__(self, feed: Feed, run: _Run) -> None:
        self._feed, self._run, self._at = feed, run, run.end

    @property
    def watched(self) -> tuple[str, ...]:
        """What the store had ever watched, at the last look."""
        return self._run.news.watched

    def new(self, every: float) -> list[Look]:
        """What came since this was called last, or since it began, in order; where nobody has looked for half of
        `every` seconds, by looking. Raises BehindError, and as News.since_last, whoever's look it was."""
        with self._feed.lock:
            run = self._run
            if run.error is not None:
                raise run.error.with_traceback(None)  # of many followers: it would keep what each of them held
            if time.monotonic() - run.looked >= every / 2:
                run.look(self._feed.most)
            missed = run.end - self._at
            if missed > len(run.kept):
                raise BehindError
            self._at = run.end
            return list(run.kept)[len(run.kept) - missed :]


class Feed:
    """For several threads. `news`: makes what looks; `most`: octets of looks that are kept."""

    def __init__(self, news: Callable[[], News], most: int) -> None:
        self.lock, self.most = threading.Lock(), most
        self._news = news
        self._run: _Run | None = None

    @contextmanager
    def follower(self) -> Iterator[Follower]:
        """One who is told what comes from now on. Raises as News.since_last."""
        with self.lock:
            if self._run is None or self._run.error is not None:
                self._run = _Run(self._news())
            run = self._run
            run.followers += 1
        try:
            with self.lock:
                if run.error is None:
                    run.look(self.most)  # what came before isn't told to this one
                follower = Follower(self, run)
            yield follower
        finally:
            with self.lock:
                run.followers -= 1
                if not run.followers:
                    run.news.close()
                    self._run = None if self._run is run else self._run
