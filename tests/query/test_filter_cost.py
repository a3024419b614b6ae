"""What a filter costs grows with its length, and with nothing else: its SQL, and what DuckDB makes of that.

The plan is looked at too, since an engine may repeat what its SQL says once, as it does for NULLIF and CASE x WHEN.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Literal

import duckdb
import pytest

from ims.query.engines import sql_compiler
from ims.query.engines.sql_cache import filtered
from ims.query.engines.sql_compiler import to_sql
from ims.query.language import header_fields
from ims.query.language.arithmetic import OPERATORS
from ims.query.language.filter import LONGEST, FilterError, from_json, parse
from ims.query.language.syntax_tree import LONGEST_SEARCH, MOST_LOOKUPS, MOST_OPERATORS, MOST_SEARCHES
from ims.query.plans.predicate import predicate
from ims.query.plans.tables import described_as, empty

from ..effort import examples, exhaustive

SQL_PER_OCTET, PLAN_PER_OCTET = 250, 400
SHORTEST = 20
"""So many octets are allowed beside a filter's own: each has a list of columns, say."""
NUMBERS = [f"{header}[{at}]" for header, octets in header_fields.HEADERS.items() for at in octets]
NUMBERS += ["ip[12:4]", "tcp[4:4]", "tcp[12:2]", "udp[0:4]", "ip[0:4]", "ttl", "icmp[4:4]"]
PACKETS = described_as("ims_packets", empty("packets").schema)
PAYLOADS = described_as("ims_payloads", empty("payloads").schema)


def any_number(dice: random.Random, operators: int) -> str:
    if not operators:
        return dice.choice([*NUMBERS, *NUMBERS, str(dice.randrange(1, 99))])
    left = dice.randrange(operators)
    return f"({any_number(dice, left)}{dice.choice(OPERATORS)}{any_number(dice, operators - 1 - left)})"


def any_leaf(dice: random.Random) -> str:
    where = dice.choice(["", "src ", "dst ", "src and dst "])
    return dice.choice(
        [
            f"{any_number(dice, dice.choice([0, 0, 1, 2, 5, 15]))}{dice.choice(['<', '>=', '=', '!='])}{dice.randrange(99)}",
            f"{dice.choice(NUMBERS)}{dice.choice(OPERATORS)}{dice.choice(NUMBERS)}={dice.choice(NUMBERS)}",
            f"{where}net 10.{dice.randrange(256)}.0.0/16",
            f"{where}net 10.0.0.0 mask 255.0.255.0",
            f"{dice.choice(['', 'tcp ', 'udp '])}{where}port {dice.randrange(65536)}",
            f"{where}portrange 1-{dice.randrange(1, 65536)}",
            f"port ({' or '.join(str(dice.randrange(65536)) for _ in range(dice.randrange(1, 20)))})",
            f"signature {dice.getrandbits(64):016x}",
            f'payload contains "{dice.randrange(10**6)}"',
            dice.choice(
                ["tcp", "fragment", "verified", "new", "payload", "ip", "ip6", "category scan", "block a", "sensor b"]
            ),
        ]
    )


def any_filter(dice: random.Random, levels: int) -> str:
    if not levels:
        return any_leaf(dice)
    joiner = dice.choice([" and ", " or ", "&&", "||"])
    text = joiner.join(any_filter(dice, dice.choice([levels - 1, 0, 0])) for _ in range(dice.choice([1, 2, 2, 3, 6])))
    return f"{dice.choice(['', '', '!', 'not '])}({text})"


def taken(count: int, seed: int) -> Iterator[str]:
    """Random filters that are taken, of every length."""
    dice = random.Random(seed)
    while count:
        text = any_filter(dice, dice.choice([0, 1, 2, 3, 5, 8]))
        try:
            parse(text)
        except FilterError:
            continue
        count -= 1
        yield text


@cache
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    for table in ("packets", "payloads"):
        opened.register(f"ims_{table}", empty(table))
    return opened


def sql_of(text: str) -> str:
    return to_sql(PACKETS.filter(predicate(parse(text), PACKETS, PAYLOADS)))


def plan_of(sql: str) -> str:
    """What DuckDB would do, with all expressions."""
    return str(connection().sql(f"EXPLAIN (FORMAT json) {sql}").fetchall()[0][1])


def excess(text: str) -> float:
    """How much of what is allowed a filter takes: over 1 is too much."""
    sql = sql_of(text)
    octets = len(text) + SHORTEST
    return max(len(sql) / (SQL_PER_OCTET * octets), len(plan_of(sql)) / (PLAN_PER_OCTET * octets))


def test_random_filters_cost_what_their_length_allows() -> None:
    for text in taken(examples(1000, 25), 1):
        assert excess(text) < 1, text


def changed(dice: random.Random, text: str) -> str:
    """A filter with a part doubled, left out, or replaced by one of another's."""
    begin = dice.randrange(len(text))
    end = min(len(text), begin + dice.randrange(1, 40))
    put = dice.choice([text[begin:end] * 2, "", any_leaf(dice), any_number(dice, 2), f" or {any_leaf(dice)}"])
    return text[:begin] + put + text[end:]


@exhaustive
def test_who_looks_for_the_dearest_filter_finds_none_beyond_its_length() -> None:
    """An attacker that climbs: of each filter it keeps what costs more an octet."""
    dice = random.Random(3)
    for text in taken(20, 2):
        best, most = text, excess(text)
        for _ in range(150):
            tried = changed(dice, best)
            try:
                found = excess(tried)
            except ValueError:
                continue
            assert found < 1, tried
            if found >= most:
                best, most = tried, found


def in_turns(levels: int, leaf: str = "tcp[13] = 2") -> str:
    for n in range(levels):
        leaf = f"not ({leaf} or udp[4:2] = {n}) and icmp[0] != {n}"
    return leaf


@pytest.mark.parametrize("operator", OPERATORS)
def test_each_operator_adds_and_none_multiplies(operator: str) -> None:
    """With 11 products of 91 octets, it were two million octets of SQL."""
    few, many = (operator.join(["tcp[13]"] * n) + " > 3" for n in (9, 17))
    assert len(sql_of(many)) < 2.2 * len(sql_of(few))
    assert len(plan_of(sql_of(many))) < 2.2 * len(plan_of(sql_of(few)))


def test_nesting_in_turns_adds_and_does_not_multiply() -> None:
    """Eight levels, 320 octets, took DuckDB over three minutes."""
    few, many = in_turns(9), in_turns(18)
    assert len(plan_of(sql_of(many))) < 2.5 * len(plan_of(sql_of(few)))


def test_payloads_are_searched_once_for_each_search() -> None:
    many = [f'payload contains "{n}"' for n in range(MOST_SEARCHES)]
    for text in (
        " or ".join(many),
        "not (" + " and ".join(many) + " or port 80)",
        f"port 80 or not ({many[0]} or port 1)",
    ):
        assert sql_of(text).count("REGEXP") == text.count("contains"), text


OF_ZERO = {"is": "octets", "header": "ip", "offset": 0, "size": 1}


def wide(levels: int) -> dict[str, object]:
    """A number in JSON, of 2^levels octets."""
    inner = wide(levels - 1) if levels else OF_ZERO
    return {"is": "arithmetic", "operator": "+", "left": inner, "right": inner} if levels else inner


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("*".join(["tcp[13]"] * (MOST_OPERATORS + 2)) + " > 3", "a comparison has more than 16 operators"),
        (" or ".join(f"ip[0]={n}" for n in range(300)), "its comparisons look at 2,700 columns; at most 2,000"),
        (" or ".join(['payload contains "a"'] * 17), "it searches payloads 17 times; at most 16"),
        (f"payload contains 0x{'00' * 257}", "these are 257 octets; at most 256 are looked for"),
    ],
)
def test_what_costs_too_much_is_refused_in_one_line(text: str, said: str) -> None:
    assert len(text) <= LONGEST
    with pytest.raises(FilterError, match=said):
        parse(text)


def test_what_no_count_foresaw_is_refused_when_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_compiler, "MOST_OCTETS", 10_000)
    asked = parse(" or ".join(f"tcp[0]+udp[0]={n}" for n in range(40)))
    with pytest.raises(ValueError, match="octets of SQL; at most 10,000 are run; ask with a simpler filter"):
        filtered(asked)


def test_what_a_hostile_portal_sends_is_bounded_too() -> None:
    def compare(number: object) -> dict[str, object]:
        return {"is": "compare", "operator": "=", "left": number, "right": {"is": "number", "value": 1}}

    assert from_json(compare(wide(4)))
    with pytest.raises(ValueError, match="more than 16 operators"):
        from_json(compare(wide(5)))
    with pytest.raises(ValueError, match="1 to 256 octets"):
        from_json({"is": "contains", "octets": "00" * (LONGEST_SEARCH + 1)})
    looks = MOST_LOOKUPS // 9 + 1
    with pytest.raises(ValueError, match="look at"):
        from_json({"is": "or", "terms": [compare(OF_ZERO)] * looks})


@pytest.mark.parametrize("engine", ["duckdb", "pyspark"])
@pytest.mark.parametrize(("levels", "leaf"), [(20, "tcp[13] = 2"), (14, "<<".join(["tcp[13]"] * 17) + "=1")])
def test_the_deepest_that_is_taken_is_compiled(levels: int, leaf: str, engine: Literal["duckdb", "pyspark"]) -> None:
    sql = to_sql(PACKETS.filter(predicate(parse(in_turns(levels, leaf)), PACKETS, PAYLOADS)), engine)
    assert engine == "pyspark" or plan_of(sql)
