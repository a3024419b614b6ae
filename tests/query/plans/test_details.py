"""Plans of the verbs that ask twice against brute force, from one store and from three whose halves merge."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import Any

import pytest

from ims.query.engines.duckdb import Engine
from ims.query.plans.details import FEW, counted, payload_bytes, ranked, signatures_like, spread
from ims.query.request import make_request

Row = dict[str, Any]


def most(rows: list[Row], key: str, count: int) -> list[Any]:
    """Values with the most packets, the lowest first where they have as many."""
    packets = Counter(row[key] for row in rows if row[key] is not None)
    return sorted(packets, key=lambda value: (-packets[value], value))[:count]


@pytest.mark.parametrize("key", ["source", "signature"])
def test_those_with_the_most_packets_come_first(engine: Engine, rows: list[Row], key: str) -> None:
    verb: Any = {"source": "sources", "signature": "payloads"}[key]
    found = engine.run(ranked(key), make_request(verb, None, limit=25)).to_pylist()
    assert [row[key] for row in found] == most(rows, key, 25)
    for row in found:
        mine = [each for each in rows if each[key] == row[key]]
        times = [each["us"] for each in mine]
        assert (row["packets"], row["first"], row["last"]) == (len(mine), min(times), max(times))
        assert row["payloads"] == sum(each["payload_length"] > 0 for each in mine)
        assert row["length"] == max(each["payload_length"] for each in mine)
        assert (row["verified"], row["answered"]) == (0, 0)


@pytest.mark.parametrize("many", [1, FEW, FEW + 1])
@pytest.mark.parametrize(
    ("key", "other"), [("source", "destination_port"), ("source", "destination"), ("signature", "source")]
)
def test_of_chosen_values_each_has_what_it_was_seen_with(
    engine: Engine, rows: list[Row], key: str, other: str, many: int
) -> None:
    """Few are compared one by one, many as a list."""
    chosen = most(rows, key, many)
    seen: dict[Any, Counter[Any]] = defaultdict(Counter)
    for row in rows:
        if row[key] in chosen and row[other] is not None:
            seen[row[key]][row[other]] += 1
    request = make_request("sources" if key == "source" else "payloads", None)
    found = engine.run(spread(key, chosen, other), request).to_pylist()
    assert {(row["key"], row["other"]): row["packets"] for row in found} == {
        (one, value): packets for one, others in seen.items() for value, packets in others.items()
    }
    assert len(found) == sum(map(len, seen.values()))
    numbers = {row["key"]: row["value"] for row in engine.run(counted(key, chosen, other), request).to_pylist()}
    assert numbers == {one: len(others) for one, others in seen.items()}


def test_a_filter_holds_for_what_values_were_seen_with(engine: Engine, rows: list[Row]) -> None:
    chosen = most(rows, "source", 20)
    found = engine.run(spread("source", chosen, "destination_port"), make_request("sources", "udp")).to_pylist()
    mine = Counter(row["source"] for row in rows if row["source"] in chosen and row["protocol"] == 17)
    totals: Counter[int] = Counter()
    for row in found:
        totals[row["key"]] += row["packets"]
    assert totals == mine


def test_payloads_are_the_octets_of_their_signatures(engine: Engine, rows: list[Row]) -> None:
    chosen = most(rows, "signature", 30)
    found = engine.run(payload_bytes([*chosen, bytes(16)]), make_request("payloads", None)).to_pylist()
    assert sorted(row["signature"] for row in found) == sorted(chosen) == [row["signature"] for row in found]
    for row in found:
        assert hashlib.md5(row["payload"]).digest() == row["signature"]
        assert (
            row["first"] == row["ever_first_seen"] == min(r["us"] for r in rows if r["signature"] == row["signature"])
        )
        assert row["truncated"] == 0


@pytest.mark.parametrize("digits", [6, 7, 31, 32])
def test_signatures_are_found_by_their_first_digits(engine: Engine, rows: list[Row], digits: int) -> None:
    """An odd number of them, too."""
    known = {row["signature"].hex() for row in rows if row["signature"]}
    at_ends = [one for one in sorted(known) if one[digits : digits + 1] in ("0", "f", "")]
    assert at_ends
    for whole in at_ends[:4] + at_ends[-4:]:
        prefix = whole[:digits]
        found = engine.run(signatures_like(prefix, 11), make_request("payloads", None)).column("signature").to_pylist()
        assert [one.hex() for one in found] == sorted(one for one in known if one.startswith(prefix))[:11]


def test_no_more_signatures_are_given_than_asked_for(engine: Engine, rows: list[Row]) -> None:
    assert len({row["signature"] for row in rows}) > 3
    request = make_request("payloads", None)
    assert engine.run(signatures_like("", 3), request).num_rows == 3
    assert engine.run(signatures_like("ff" * 16, 3), request).num_rows == 0
