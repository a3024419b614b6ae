"""Payloads never seen before against brute force: of a few payloads that two sensors get at three blocks, at moments that
meet each other and the ends of ranges exactly; from one store, and from two stores whose partial answers merge."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.query.engines.duckdb import Engine
from ims.query.plans.sightings import NOVELTY, SIGHTINGS
from ims.query.request import Request, make_request
from ims.settings.durations import DAY_US, SECOND_US
from ims.store.reader import open_store

from ...stores import MIDNIGHT, exported, ingest, udp, write_pcap

Rows = list[dict[str, Any]]
C24, D24, E24 = (198 << 24 | 51 << 16 | third << 8 for third in (100, 101, 102))
BLOCKS = {"a": {C24: "C/24=198.51.100.0/24", D24: "D/24=198.51.101.0/24"}, "b": {E24: "E/24=198.51.102.0/24"}}
SPAN = 2 * 86_400
TICK_NS = 500_000_000
BEGIN = MIDNIGHT // 1000


def packets(seed: int, blocks: dict[int, str]) -> list[tuple[int, bytes]]:
    """700 datagrams over two days with one of 60 payloads, some of which come late or to one block alone, or none."""
    rng = random.Random(seed)
    found = []
    for _ in range(700):
        number = int(rng.random() ** 2 * 60)
        block = rng.choice(list(blocks)) if number % 3 else next(iter(blocks))
        earliest = number * SPAN // 80
        at = MIDNIGHT + TICK_NS * rng.randrange(2 * earliest, 2 * SPAN)
        payload = b"" if number == 1 else b"payload %d" % number
        if number % 5 == 0:  # no other sensor has it
            payload += b" of %d" % seed
        found.append((at, udp(rng.randrange(1, 7) << 24 | 9, block + 1, rng.randrange(1, 4), payload)))
    return sorted(found)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[Path]]:
    """By number of stores."""
    folder = tmp_path_factory.mktemp("sightings")
    apart = []
    for seed, (sensor, blocks) in enumerate(BLOCKS.items()):
        capture = write_pcap(folder / f"{sensor}.pcap", packets(seed, blocks))
        apart.append(ingest(folder / sensor, capture, sensor=sensor, blocks=list(blocks.values())))
        ingest(folder / "both", capture, sensor=sensor, blocks=list(blocks.values()))
    return {1: [folder / "both"], 2: apart}


@pytest.fixture(scope="module", params=[1, 2], ids=["one store", "two stores"])
def engine(request: pytest.FixtureRequest, stores: dict[int, list[Path]]) -> Iterator[Engine]:
    opened = [open_store(path) for path in stores[request.param]]
    engine = Engine(opened, threads=1)
    yield engine
    engine.close()
    for store in opened:
        store.close()


@pytest.fixture(scope="module")
def rows(stores: dict[int, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return exported(tmp_path_factory.mktemp("rows"), *stores[1])


def remembered(rows: Rows, request: Request) -> set[bytes]:
    """Payloads seen before: by a sensor that has them on one of the range's days, of all that it ever got."""
    fresh = request.since if request.fresh is None else request.fresh
    if fresh is None:
        return set()
    first = BEGIN if request.since is None else request.since - request.since % DAY_US
    last = rows[-1]["us"] + DAY_US if request.until is None else request.until + -request.until % DAY_US
    has = {(row["sensor"], row["signature"]) for row in rows if first <= row["us"] < last}
    return {row["signature"] for row in rows if row["us"] < fresh and (row["sensor"], row["signature"]) in has}


def brute(rows: Rows, request: Request, takes: Any) -> Rows:
    """A row for each new payload, with its places in order."""
    old, by = remembered(rows, request), request.group or "block"
    since = max(request.since or 0, request.fresh or 0)
    until = 1 << 62 if request.until is None else request.until
    found = defaultdict(list)
    for row in rows:
        if row["signature"] and row["signature"] not in old and since <= row["us"] < until and takes(row):
            found[row["signature"]].append(row)
    answer = []
    for signature, each in found.items():
        each.sort(key=lambda row: (row["us"], row["sensor"], row["block"]))
        places = {}
        for row in each:
            places.setdefault(row[by], row)
        line = {
            "signature": signature, "first": each[0]["us"], "sensor": each[0]["sensor"], "block": each[0]["block"],
            "packets": len(each), "blocks": len({row["block"] for row in each}),
            "sensors": len({row["sensor"] for row in each}), "last": each[-1]["us"],
            "length": each[0]["payload_length"],
        }  # fmt: skip
        for which, row in zip(("second", "third"), [*list(places.values())[1:], None, None], strict=False):
            line |= {f"{which}_{name}": None if row is None else row[name] for name in ("sensor", "block")}
            line[f"{which}_delay"] = None if row is None else row["us"] - each[0]["us"]
        answer.append(line)
    answer.sort(key=lambda line: (-line[f"{by}s"], -line["packets"], line["first"], line["signature"]))
    return answer


AT = BEGIN + 9 * 3600 * SECOND_US + 500_000
QUESTIONS: list[dict[str, Any]] = [
    {}, {"group": "sensor"}, {"since": AT}, {"since": AT, "until": BEGIN + DAY_US, "group": "block"},
    {"fresh": BEGIN + DAY_US}, {"since": AT, "fresh": BEGIN + DAY_US + 3600 * SECOND_US, "group": "sensor"},
    {"since": BEGIN + DAY_US + AT - BEGIN}, {"filter": "dst port 2", "since": AT}, {"filter": "block D/24"},
]  # fmt: skip
TAKES = {
    None: lambda row: True, "dst port 2": lambda row: row["destination_port"] == 2,
    "block D/24": lambda row: row["block"] == "D/24",
}  # fmt: skip


def request(verb: Any, words: dict[str, Any]) -> Request:
    return make_request(verb, words.get("filter"), **{name: value for name, value in words.items() if name != "filter"})


@pytest.mark.parametrize("words", QUESTIONS, ids=str)
def test_each_new_payload_has_its_places_in_order(engine: Engine, rows: Rows, words: dict[str, Any]) -> None:
    asked = request("sightings", words)
    expected = brute(rows, asked, TAKES[words.get("filter")])
    assert len(expected) > 5
    assert engine.run(SIGHTINGS, asked).to_pylist() == expected


@pytest.mark.parametrize("words", QUESTIONS, ids=str)
def test_pieces_of_some_signatures_each_are_the_same_answer(
    stores: dict[int, list[Path]], words: dict[str, Any]
) -> None:
    with open_store(stores[1][0]) as store:
        whole, pieces = Engine([store]), Engine([store], piece=9)
        for limit in (0, 5, 11):
            asked = request("sightings", words | {"limit": limit})
            assert (pieces._pieces(store, SIGHTINGS, asked) > 3) == (limit != 5), "few rows are sorted at once"
            assert pieces.run(SIGHTINGS, asked).equals(whole.run(SIGHTINGS, asked))
        whole.close()
        pieces.close()


@pytest.mark.parametrize("words", QUESTIONS, ids=str)
def test_they_are_counted_by_bin_place_and_delay(engine: Engine, rows: Rows, words: dict[str, Any]) -> None:
    asked = request("novelty", words)
    by, counted = asked.group or "block", defaultdict(lambda: [0, 0])
    for line in brute(rows, asked, TAKES[words.get("filter")]):
        delays = [line[f"{which}_delay"] for which in ("second", "third")]
        whole = [None if delay is None else delay - delay % SECOND_US for delay in delays]
        key = (line["first"] - line["first"] % asked.bin, line[by], line[f"second_{by}"], whole[0], line[f"third_{by}"])
        cell = counted[*key, whole[1]]
        cell[0] += 1
        cell[1] += line["packets"]
    names = ("bin", "place", "second", "second_delay", "third", "third_delay", "payloads", "packets")
    expected = [dict(zip(names, (*key, *cell), strict=True)) for key, cell in counted.items()]
    found = engine.run(NOVELTY, asked).to_pylist()
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
    assert [row["bin"] for row in found] == sorted(row["bin"] for row in found)


@pytest.mark.parametrize(("group", "only"), [("block", "C/24"), ("block", "E/24"), ("sensor", "a"), ("sensor", "c")])
def test_only_has_what_came_to_one_place(engine: Engine, rows: Rows, group: str, only: str) -> None:
    asked = make_request("sightings", None, group=group, only=only)
    expected = [line for line in brute(rows, asked, TAKES[None]) if line[f"{group}s"] == 1 and line[group] == only]
    assert engine.run(SIGHTINGS, asked).to_pylist() == expected
    assert bool(expected) == (only != "c")


def test_a_limit_keeps_those_of_the_most_places(engine: Engine, rows: Rows) -> None:
    asked = make_request("sightings", None, limit=7)
    assert engine.run(SIGHTINGS, asked).to_pylist() == brute(rows, asked, TAKES[None])[:7]


def test_the_answer_says_what_payloads_are_and_who_sent_them(stores: dict[int, list[Path]], rows: Rows) -> None:
    with ims.open(*stores[2]) as telescope:
        answer = telescope.sightings(limit=40)
    assert answer.record.limit == 40 and answer.record.matching > 40
    for row in answer.rows():
        mine = [each for each in rows if each["signature"] and each["signature"].hex() == row["signature"]]
        assert row["sources"] == len({each["source"] for each in mine})
        assert hashlib.md5(row["text"].encode()).hexdigest() == row["signature"]
        assert row["second_delay"] is None or row["second_delay"] >= 0


def test_a_payload_that_outlived_its_packets_isn_t_new(tmp_path: Path) -> None:
    """The sensor remembers it from a day that isn't stored any more."""
    early, late = MIDNIGHT, MIDNIGHT + 2 * 86_400 * 1_000_000_000
    sent = [
        (early, udp(9, C24 + 1, 1, b"old")),
        (late, udp(9, C24 + 1, 1, b"old")),
        (late + 1000, udp(9, C24, 1, b"new")),
    ]
    store = tmp_path / "S"
    for number, some in enumerate((sent[:1], sent[1:])):
        ingest(store, write_pcap(tmp_path / f"{number}.pcap", some), sensor="a", blocks=[BLOCKS["a"][C24]])
    with ims.open(store) as telescope:
        texts = [row["text"] for row in telescope.sightings(since=late / 1e9).rows()]
        everything = {row["text"] for row in telescope.sightings().rows()}
    assert texts == ["new"] and everything == {"old", "new"}
