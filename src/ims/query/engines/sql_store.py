"""A cache of SQL by its texts or syntax trees, limited by octets: one entry has 300, another 800,000."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

from cachetools import LRUCache

TREE = 7
"""Octets that a syntax tree takes for each character of its repr (measured: 500 ports, 202 kB and 30,000)."""
P = ParamSpec("P")
T = TypeVar("T")


def kept(octets: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep a function's results for texts or trees, while keys and results have at most so many octets. For several
    threads, which may make the same result at once."""

    def keeping(make: Callable[P, T]) -> Callable[P, T]:
        lock = threading.Lock()
        results: LRUCache[object, tuple[int, T]] = LRUCache(octets, getsizeof=lambda result: result[0])

        @wraps(make)
        def get(*words: P.args, **named: P.kwargs) -> T:
            key = (words, *sorted(named.items()))
            with lock:
                if (known := results.get(key)) is not None:
                    return known[1]
            found = make(*words, **named)
            with lock, suppress(ValueError):  # larger than all that is kept
                results[key] = _octets(found) + _octets(words), found
            return found

        return get

    return keeping


def _octets(word: object) -> int:
    if isinstance(word, str | bytes):
        return len(word)
    if isinstance(word, tuple):
        return sum(map(_octets, word))
    return 8 if isinstance(word, int) else TREE * len(repr(word))
