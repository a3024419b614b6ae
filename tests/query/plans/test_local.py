"""Nearness of sources against brute force: of one store with two sensors, of a store for each, and of stores that have
halves of the same sensors' packets."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.query.engines.duckdb import Engine
from ims.query.plans.local import NEAR
from ims.query.request import Request, make_request
from ims.telescope import Telescope

from ...stores import MIDNIGHT, exported, ingest, udp, write_pcap

BLOCKS = {"A/24": 198 << 24 | 51 << 16 | 100 << 8, "B/15": 44 << 24 | 8 << 16}
NAMES = ("A/24=198.51.100.0/24", "B/15=44.8.0.0/15")


def packets(seed: int, count: int = 1500) -> list[tuple[int, bytes]]:
    """To both blocks, from 60 sources: a few near to a destination's first octets or first two, the others anywhere."""
    rng = random.Random(seed)
    found = []
    sources = [
        (base & mask) | rng.randrange(1 << 32) & ~mask & 0xFFFFFFFF
        for base in BLOCKS.values() for mask in (0xFFFF0000, 0xFF000000, 0) for _ in range(10)
    ]  # fmt: skip
    for number in range(count):
        block = rng.choice(["A/24", "B/15"])
        to = BLOCKS[block] + rng.randrange(256 if block == "A/24" else 1 << 17)
        source = sources[min(int(rng.expovariate(0.06)), len(sources) - 1)]
        found.append((MIDNIGHT + number * 1_000_000_000, udp(source, to, rng.choice([53, 123]))))
    return found


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """The same packets of the sensors a and b: in one store, in one for each, and in two that have half of each."""
    folder = tmp_path_factory.mktemp("local")
    halves: dict[str, list[Path]] = {"one": [folder / "one"], "each": [], "halves": [folder / "h0", folder / "h1"]}
    for seed, sensor in enumerate("ab"):
        found = packets(seed)
        for at, part in enumerate((found, found[:700], found[700:])):
            capture = write_pcap(folder / f"{sensor}{at}.pcap", part)
            if at == 0:
                halves["each"].append(ingest(folder / sensor, capture, sensor=sensor, blocks=NAMES))
                ingest(folder / "one", capture, sensor=sensor, blocks=NAMES)
            else:
                ingest(folder / f"h{at - 1}", capture, sensor=sensor, blocks=NAMES)
    return halves


@pytest.fixture(params=["one", "each", "halves", "one, by kernels", "each, by kernels"])
def telescope(
    request: pytest.FixtureRequest, stores: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Telescope]:
    which, _, kernels = request.param.partition(", ")
    monkeypatch.setattr(Engine, "_is_large", lambda *_: bool(kernels))
    with ims.open(*stores[which]) as telescope:
        yield telescope


@pytest.fixture(scope="module")
def rows(stores: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return exported(tmp_path_factory.mktemp("rows"), stores["one"][0])


def near_of(row: dict[str, Any]) -> str:
    """By the first octets, as text."""
    source, destination = (int(row[name]).to_bytes(4, "big") for name in ("source", "destination"))
    if source[:2] == destination[:2]:
        return "/16"
    return "/8" if source[0] == destination[0] else "elsewhere"


def expected(rows: list[dict[str, Any]]) -> dict[tuple[str | None, str], tuple[int, int, float, int]]:
    sent: dict[tuple[str | None, str], Counter[tuple[str, int]]] = {}
    for row in rows:
        for block in (row["block"], None):
            for near in (near_of(row), "all"):
                sent.setdefault((block, near), Counter())[row["sensor"], row["source"]] += 1
    found = {
        key: (each.total(), len(each), float(sum(n * n for n in each.values())), max(each.values()))
        for key, each in sent.items()
    }
    nothing = {(block, near): (0, 0, 0.0, 0) for block in {block for block, _ in found} for near in NEAR}
    return nothing | found


def answered(telescope: Telescope, *words: Any, **more: Any) -> dict[tuple[str | None, str], tuple[Any, ...]]:
    return {
        (row["block"], row["near"]): (row["packets"], row["sources"], row["squares"], row["most"])
        for row in telescope.local(*words, **more).rows()
    }


def test_it_is_what_brute_force_finds(telescope: Telescope, rows: list[dict[str, Any]]) -> None:
    found = expected(rows)
    assert answered(telescope) == found
    assert all(found[block, near][0] for block in BLOCKS for near in ("/16", "/8", "elsewhere")), "all kinds came"


def test_filter_and_range_take_what_they_take(telescope: Telescope, rows: list[dict[str, Any]]) -> None:
    begin, end = MIDNIGHT // 1000 + 200_000_000, MIDNIGHT // 1000 + 1_100_000_000
    taken = [row for row in rows if row["destination_port"] == 53 and begin <= row["us"] < end]
    words = {"since": begin / 1e6, "until": end / 1e6}
    assert answered(telescope, "udp dst port 53", **words) == expected(taken)


def test_nothing_that_matches_has_no_rows(telescope: Telescope) -> None:
    assert list(telescope.local("tcp").rows()) == []


def test_rows_are_all_blocks_first_then_by_name_and_nearness(telescope: Telescope) -> None:
    keys = [(row["block"], row["near"]) for row in telescope.local().rows()]
    assert keys == [(block, near) for block in (None, "A/24", "B/15") for near in NEAR]


def test_sensors_in_two_places_answer_by_source() -> None:
    assert make_request("local", None).apart().parted
    assert make_request("count", None).apart().parted is None
    with pytest.raises(ValueError, match="parted belongs to local"):
        Request(verb="count", parted=True)
