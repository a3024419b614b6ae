"""SQL that is kept by what it was made of, texts or syntax trees: those used last, while all of them fit into some
octets.

By their number alone it can't be: a text is 300 octets or 800,000.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

TREE = 7
"""Octets that a syntax tree takes for each character of its repr (measured: 500 ports, 202 kB and 30,000)."""
P = ParamSpec("P")
T = TypeVar("T")


def kept(octets: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep what a function of texts or trees gave, while keys and results have at most so many octets. For several
    threads, which may make the same result at once."""

    def keeping(make: Callable[P, T]) -> Callable[P, T]:
        lock = threading.Lock()
        results: OrderedDict[object, tuple[int, T]] = OrderedDict()
        held = 0

        @wraps(make)
        def get(*words: P.args, **named: P.kwargs) -> T:
            nonlocal held
            key = (words, *sorted(named.items()))
            with lock:
                if key in results:
                    results.move_to_end(key)
                    return results[key][1]
            found = make(*words, **named)
            weight = _octets(found) + _octets(words)
            with lock:
                if key not in results and weight <= octets:
                    results[key] = (weight, found)
                    held += weight
                while held > octets:
                    held -= results.popitem(last=False)[1][0]
            return found

        return get

    return keeping


def _octets(word: object) -> int:
    if isinstance(word, str | bytes):
        return len(word)
    if isinstance(word, tuple):
        return sum(map(_octets, word))
    return 8 if isinstance(word, int) else TREE * len(repr(word))
