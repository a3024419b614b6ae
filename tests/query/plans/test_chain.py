"""Chains against brute force: of sources that send to a few addresses, at moments that meet each other and the bins' ends
exactly; from one store of two sensors, and from two stores whose partial answers merge."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.query.chain import MOST_STEPS
from ims.query.engines.duckdb import Engine
from ims.query.plans.chain import CHAIN
from ims.query.request import Request, make_request
from ims.settings.durations import SECOND_US
from ims.store.reader import open_store

from ...effort import crossed
from ...stores import MIDNIGHT, exported, ingest, udp, write_pcap

Rows = list[dict[str, Any]]
C24, D24 = 198 << 24 | 51 << 16 | 100 << 8, 198 << 24 | 51 << 16 | 101 << 8
BLOCKS = {"a": (C24, "C/24=198.51.100.0/24"), "b": (D24, "D/24=198.51.101.0/24")}
KEYS = {
    "address": ("sensor", "source", "destination"), "sensor": ("sensor", "source"), "anywhere": ("source",),
}  # fmt: skip
TICK = 100_000
"""Microseconds: all times are multiples of it, so that many are equal."""
SPAN = 1200


def packets(seed: int, block: int) -> list[tuple[int, bytes]]:
    """1,500 datagrams of six sources to three addresses and three ports, with one of two payloads or none."""
    rng = random.Random(seed)
    found = [
        (
            MIDNIGHT + 1000 * TICK * rng.randrange(SPAN),
            udp(rng.randrange(1, 7) << 24 | 9, block + rng.randrange(1, 4), rng.randrange(1, 4),
                rng.choice([b"", b"one", b"two"])),
        )
        for _ in range(1500)
    ]  # fmt: skip
    return sorted(found)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[Path]]:
    """By number of stores."""
    folder = tmp_path_factory.mktemp("chains")
    apart = []
    for seed, (sensor, (block, name)) in enumerate(BLOCKS.items()):
        capture = write_pcap(folder / f"{sensor}.pcap", packets(seed, block))
        apart.append(ingest(folder / sensor, capture, sensor=sensor, blocks=[name]))
        ingest(folder / "both", capture, sensor=sensor, blocks=[name])
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


def port(number: int) -> Callable[[dict[str, Any]], bool]:
    return lambda row: bool(row["destination_port"] == number)


TAKES: dict[str, Callable[[dict[str, Any]], bool]] = {
    **{f"udp dst port {number}": port(number) for number in (1, 2, 3)},
    "udp": lambda row: True, "payload": lambda row: row["payload_length"] > 0,
    'payload contains "one"': lambda row: row["signature"] == hashlib.md5(b"one", usedforsecurity=False).digest(),
}  # fmt: skip


def expected(rows: Rows, steps: list[str], within: int, at: str, bin: int | None) -> list[tuple[Any, ...]]:
    """All pairs of packets that have the keys in common."""
    reached = [row for row in rows if TAKES[steps[0]](row)]
    for step in steps[1:]:
        before: dict[tuple[Any, ...], set[int]] = {}
        for row in reached:
            before.setdefault(tuple(row[name] for name in KEYS[at]), set()).add(row["us"])
        reached = [
            row for row in rows
            if TAKES[step](row) and any(
                earlier < row["us"] <= earlier + within for earlier in before.get(tuple(row[n] for n in KEYS[at]), ())
            )
        ]  # fmt: skip
    found: dict[tuple[Any, ...], list[int]] = {}
    for row in reached:
        key = (row["source"], row["signature"], None if bin is None else row["us"] // bin)
        found.setdefault(key, []).append(row["us"])
    return order((source, signature, min(t), max(t), len(t)) for (source, signature, _), t in found.items())


def order(rows: Any) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: (row[2], row[0], row[1] is None, row[1] or b"", row[3]))


def asked(engine: Engine, request: Request) -> list[tuple[Any, ...]]:
    table = engine.run(CHAIN, request)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


STEPS = [
    ["udp dst port 1", "udp dst port 2"],
    ["udp dst port 2", "udp dst port 1", "udp dst port 3"],
    ["payload", "udp dst port 2", "payload", "udp dst port 1"],
    ["udp", "udp"],
    ['payload contains "one"', "udp dst port 3"],
    ["udp dst port 1"] * MOST_STEPS,
]


@pytest.mark.parametrize(("steps", "within", "at"), crossed(STEPS, ["100ms", "1s", "7s", "1d"], list(KEYS)))
def test_a_chain_is_every_packet_that_follows_soon_enough(
    engine: Engine, rows: Rows, steps: list[str], within: str, at: str
) -> None:
    first, *then = steps
    for bin in (None, "10s"):
        request = make_request("chain", None, first=first, then=then, within=within, at=at, bin=bin)
        assert request.chain is not None
        found = asked(engine, request)
        assert order(found) == expected(rows, steps, request.chain.within, at, request.chain.bin)
        assert [row[2] for row in found] == sorted(row[2] for row in found), "oldest first"


def test_range_and_filter_hold_for_all_steps(engine: Engine, rows: Rows) -> None:
    middle = MIDNIGHT // 1000 + 40 * SECOND_US
    words = {"first": STEPS[0][0], "then": STEPS[0][1:], "within": "1s", "since": str(middle), "bin": "10s"}
    found = asked(engine, make_request("chain", "src 1.0.0.9 or src 2.0.0.9", **words))
    chosen = [row for row in rows if row["us"] >= middle and row["source"] >> 24 <= 2]
    assert order(found) == expected(chosen, STEPS[0], SECOND_US, "address", 10 * SECOND_US) != []


def test_a_limit_keeps_the_first(engine: Engine) -> None:
    words = {"first": "udp dst port 1", "then": ["udp dst port 2"], "bin": "10s"}
    assert (
        asked(engine, make_request("chain", None, limit=3, **words))
        == asked(engine, make_request("chain", None, **words))[:3]
    )


def test_a_source_that_floods_costs_no_more_than_its_packets(tmp_path: Path) -> None:
    """20,000 packets of each step at one address within the time: of 400 million pairs none is looked at. A join of all
    pairs would need 16 GB."""
    flood = [
        (MIDNIGHT + at * 1_000_000, udp(9, C24 + 1, step, b"x")) for at in range(20_000) for step in (1, 2)
    ]  # fmt: skip
    store = open_store(ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", flood)))
    engine = Engine([store], memory_bytes=256 << 20, threads=1)
    words = {"first": "udp dst port 1", "then": ["udp dst port 2"], "within": "1d"}
    [(source, _, _, _, times)] = asked(engine, make_request("chain", None, **words))
    assert (source, times) == (9, 19_999)
    engine.close()
    store.close()


def test_a_sensor_s_packets_in_two_stores_are_one_sensor_s(tmp_path: Path) -> None:
    """A chain that begins in one and ends in the other is found as if they were one store."""
    sent = [(MIDNIGHT, udp(9, C24 + 1, 1, b"x")), (MIDNIGHT + 10**9, udp(9, C24 + 1, 2, b"x"))]
    for number, packet in enumerate(sent):
        ingest(tmp_path / str(number), write_pcap(tmp_path / f"{number}.pcap", [packet]))
    for at in KEYS:
        with ims.open(tmp_path / "0", tmp_path / "1") as telescope:
            assert len(telescope.chain(first="udp dst port 1", then="udp dst port 2", at=at)) == 1


def test_a_microsecond_decides(tmp_path: Path) -> None:
    """`within` and bins are exact at every moment, also where numbers of bins as floating-point ones would round."""
    sent, soon = [], set()
    around = [(1000 * bin + off, late) for bin in range(1, 33) for off in (-15, -8, 8, 15) for late in (-3, 0, 3, 16)]
    for host, (begin, late) in enumerate(around):
        at = MIDNIGHT + begin * 1000
        sent += [(at, udp(host, C24 + 1, 1)), (at + 1_000_000 + late * 1000, udp(host, C24 + 1, 2))]
        soon |= {host} if late <= 0 else set()
    store = ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", sorted(sent)))
    words = {"first": "udp dst port 1", "then": ["udp dst port 2"], "within": "1ms", "bin": "1ms"}
    opened = open_store(store)
    engine = Engine([opened], threads=1)
    for place in KEYS:
        assert {row[0] for row in asked(engine, make_request("chain", None, at=place, **words))} == soon
    engine.close()
    opened.close()
