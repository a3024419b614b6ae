"""A program that has an account, knows this code, and wants to know which prefixes are monitored.

Of each pair of candidates (pairs.py) it asks the same of both, in many words: near each limit of the filter language,
negated, nested, as part of a larger net, by every verb, for signatures of payloads that it made up itself; it asks for
what is kept and what is not, and measures how long each answer takes. A guess is the candidate for which a figure is
larger; an attacker without any knowledge is right half of the time.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import re
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import httpx

from tests.portal.attack.pairs import HOURS, Pair
from tests.portal.permuted import dark_payloads
from tests.stores import MIDNIGHT

LONGEST, MOST_TERMS, DEEPEST = 4096, 500, 64
SECOND = 10**9
TIMES = re.compile(rb'"(seconds|took)": ?(\{[^}]*\}|[0-9.e-]+)')


class Reply(NamedTuple):
    """What comes back: all of it but the figures of time, and how long it took to come (seconds)."""

    status: int
    body: bytes
    headers: tuple[str, ...]
    took: float


Question = Callable[[ipaddress.IPv4Network, int], tuple[str, dict[str, Any]]]
"""A candidate and a number to a path and its words; another number asks for a range that wasn't asked for before."""


def _range(number: int) -> dict[str, Any]:
    """The hours that have packets, and another end for each number: an answer to it can't be known already."""
    begin = MIDNIGHT // SECOND
    return {"since": str(begin), "until": str(begin + HOURS * 3600 + number)}


def by_filter(verb: str, template: Callable[[str], str], **words: Any) -> Question:
    """A question whose filter is made of the candidate."""
    return lambda network, number: (
        f"/api/v1/query/{verb}",
        {"filter": template(str(network)), **words, **_range(number)},
    )


def padded(text: str, octets: int) -> str:
    """The filter with spaces to so many octets."""
    return text + " " * max(0, octets - len(text))


def _chain(term: str, join: str, octets: int) -> str:
    return padded(join.join([term] * ((octets + len(join)) // (len(term) + len(join)))), octets)


def _nested(net: str, deep: int) -> str:
    return f"{'not (' * deep}src net {net}{')' * deep}"


FILTERS: dict[str, Callable[[str], str]] = {
    "one": lambda net: f"src net {net}",
    "not": lambda net: f"not src net {net}",
    "host": lambda net: f"src host {net.split('/')[0]}",
    "longest": lambda net: _chain(f"src net {net}", " or ", LONGEST),
    "nearly longest": lambda net: _chain(f"src net {net}", " or ", LONGEST - 40),
    "half": lambda net: _chain(f"src net {net}", " or ", LONGEST // 2),
    "most terms": lambda net: padded(" or ".join(["udp"] * (MOST_TERMS - 1) + [f"src net {net}"]), LONGEST),
    "both at once": lambda net: padded(" and ".join([f"src net {net}"] * 100), LONGEST),
    "deepest": lambda net: _nested(net, DEEPEST - 2),
    "in turns": lambda net: f"tcp and (udp or (tcp and (icmp or (not src net {net} and tcp[13] = 2))))",
    "around": lambda net: f"src net {net.split('.')[0]}.0.0.0/8",
    "inside": lambda net: f"src net {net.replace('.0/24', '.128/25')}",
    "mask": lambda net: f"src net {net.split('/')[0]} mask 255.255.255.0",
    "all but": lambda net: f"src net 0.0.0.0/0 and not src net {net}",
    "too long": lambda net: _chain(f"src net {net}", " or ", LONGEST + 1),
}
VERBS: dict[str, dict[str, Any]] = {
    "count": {},
    "series": {"bin": "10m", "group": "protocol"},
    "top": {"column": "source/24", "limit": 50},
    "packets": {"limit": 50},
    "payloads": {"limit": 20},
    "sources": {"limit": 20},
    "chain": {"first": "ip", "then": ["ip"], "within": "1h", "at": "sensor", "limit": 50},
    "cache": {"bin": "1h"},
}


def analysts_questions() -> dict[str, Question]:
    """What is asked of both candidates by an analyst, by name."""
    found = {
        f"{verb}: {name}": by_filter(verb, template, **words)
        for verb, words in VERBS.items()
        for name, template in FILTERS.items()
        if verb in ("count", "top") or name in ("one", "not", "longest", "nearly longest", "most terms")
    }
    for form in range(6):
        found[f"count: signature of form {form}"] = lambda network, number, form=form: (  # type: ignore[misc]
            "/api/v1/query/count", {"filter": f"signature {made_up(network, form)}", **_range(number)},
        )  # fmt: skip
        found[f"payload of form {form}"] = lambda network, _, form=form: (  # type: ignore[misc]
            f"/api/v1/payloads/{made_up(network, form)}", {},
        )  # fmt: skip
    return found


def viewers_questions() -> dict[str, Question]:
    """What is asked of both candidates' /8 by a viewer."""
    eight = lambda net: f"{net.split('.')[0]}.0.0.0/8"  # noqa: E731
    found = {}
    for name, filter in {
        "one": lambda net: f"src net {eight(net)}",
        "more": lambda net: f"src net {eight(net)} and tcp and dst port 139",
        "refused": lambda net: f"src net {net}",
        "not": lambda net: f"not src net {eight(net)}",
        "longest": lambda net: padded(f"src net {eight(net)}", LONGEST),
    }.items():
        for verb, words in {"count": {}, "series": {"bin": "1h"}, "top": {"column": "destination_port"}}.items():
            found[f"{verb}: {name}"] = by_filter(verb, filter, **words)
    return found


def made_up(network: ipaddress.IPv4Network, form: int) -> str:
    """The signature of a payload as senders make them of a destination."""
    return hashlib.md5(dark_payloads(int(network.network_address) + 77)[form]).hexdigest()


class Attacker:
    """One account. `asked` counts the questions."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=120)
        self.asked = 0

    def __enter__(self) -> Attacker:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def ask(self, question: Question, network: ipaddress.IPv4Network, number: int) -> Reply:
        """The answer, without its figures of time, and with the candidate's name taken out of what is said back."""
        path, words = question(network, number)
        self.asked += 1
        began = time.perf_counter()
        reply = self._client.get(path, params=words)
        took = time.perf_counter() - began
        body = TIMES.sub(b"", reply.content)
        for own in (*(made_up(network, form) for form in range(6)), str(network), str(network.network_address)):
            body = body.replace(own.encode(), b"X")
        known = ("date", "content-length", "x-request-id")  # the body is compared itself
        headers = sorted(f"{name}: {value}" for name, value in reply.headers.items() if name not in known)
        return Reply(reply.status_code, body, tuple(headers), took)

    def differs(self, question: Question, pair: Pair, number: int) -> list[str]:
        """In what the answers about both candidates differ, time aside; each is asked for twice (the second may be
        kept)."""
        found = []
        for _ in range(2):
            low, high = (self.ask(question, network, number) for network in pair.candidates)
            found += [name for name in ("status", "body", "headers") if getattr(low, name) != getattr(high, name)]
        return found

    def timed(self, question: Question, pair: Pair, numbers: Sequence[int], again: bool = False) -> tuple[float, float]:
        """The median time for each candidate, asked in turns. `again`: of a second answer, for which it may be known."""
        took: tuple[list[float], list[float]] = ([], [])
        for number in numbers:
            order = (0, 1) if number % 2 else (1, 0)
            for side in order:
                reply = self.ask(question, pair.candidates[side], number)
                if again:
                    reply = self.ask(question, pair.candidates[side], number)
                took[side].append(reply.took)
        return statistics.median(took[0]), statistics.median(took[1])


def right(pairs: Sequence[Pair], figures: Sequence[tuple[float, float]]) -> int:
    """How many guesses are right that take the candidate with the larger figure."""
    return sum(int(high > low) == pair.dark for pair, (low, high) in zip(pairs, figures, strict=True))


def chance(right: int, many: int) -> float:
    """How often guessing is as good as that, or as bad: an attacker who is always wrong knows as much."""
    away = abs(2 * right - many)
    ways = sum(math.comb(many, k) for k in range(many + 1) if abs(2 * k - many) >= away)
    return float(ways / 2**many)


def bits(right: int, many: int) -> float:
    """What such guesses tell of each coin: 1 - H(share)."""
    share = min(max(right / many, 1e-9), 1 - 1e-9)
    return 1 + share * math.log2(share) + (1 - share) * math.log2(1 - share)
