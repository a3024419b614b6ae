"""What `cache` asks of a store with two blocks, one of which gets payloads for some hours that are like no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.cache.data import ALL, Data, data
from ims.analyse.evidence import Evidence
from ims.analyse.options import options_of
from ims.query.answer import Answer
from ims.query.errors import NotShownError
from ims.query.request import Request
from ims.telescope import Telescope

from ...shared import shared
from ...stores import MIDNIGHT, ingest, udp, write_pcap

HOUR_NS, HOUR_US = 3600 * 10**9, 3_600_000_000
BLOCKS = ["A/24=198.51.100.0/24", "B/25=203.0.113.0/25"]
FIRST = {"A/24": 0xC6336400, "B/25": 0xCB007100}
HOURS, DIP = 30, range(10, 14)
STEADY, FRESH, FLOOD = 40, 2, 60
"""Packets an hour with one of ten payloads; with one of its own; and in the dip, beside these, to 3306 of block A."""
SOURCES = 20


def packets() -> Iterator[tuple[int, bytes]]:
    for hour in range(HOURS):
        came = []
        for at, first in enumerate(FIRST.values()):
            came += [udp(0x0A000001, first, 53, b"steady %d" % (n % 10)) for n in range(STEADY)]
            came += [udp(0x0A000002, first, 53 + n, b"fresh %d %d %d" % (at, hour, n)) for n in range(FRESH)]
        if hour in DIP:
            flood = (b"login %d %d" % (hour, n) for n in range(FLOOD))
            came += [udp(0x0B000000 + n % SOURCES, FIRST["A/24"], 3306, each) for n, each in enumerate(flood)]
        for number, packet in enumerate(came):
            yield MIDNIGHT + hour * HOUR_NS + number * (HOUR_NS // len(came)), packet
    for first in FIRST.values():
        yield MIDNIGHT + HOURS * HOUR_NS - 1000, udp(0x0A000001, first, 53, b"steady 0")


def make(folder: Path) -> None:
    ingest(folder / "STORE", write_pcap(folder / "x.pcap", packets()), blocks=BLOCKS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "cache", make) / "STORE"


@pytest.fixture
def telescope(store: Path) -> Iterator[Telescope]:
    with ims.open(store) as telescope:
        yield telescope


def of(ask: Any, **words: Any) -> Data:
    """The data that the model is handed."""
    options = options_of(ANALYSES["cache"], words)
    evidence = Evidence(ask, options.request)
    evidence.watches()
    return data(evidence, options)


def test_payloads_and_new_ones_are_counted_by_block_and_hour(telescope: Telescope) -> None:
    found = of(telescope.ask)
    assert [bins.block for bins in found.blocks] == ["A/24", "B/25"]
    first, second = found.blocks
    usual = [STEADY + FRESH] * (HOURS - 1) + [STEADY + FRESH + 1]
    assert second.payloads.tolist() == usual
    # The first hour of a day knows none of the ten; the sensor's cache is one for both blocks.
    assert (first.new + second.new).tolist() == [
        2 * FRESH + (10 if hour in (0, 24) else 0) + (FLOOD if hour in DIP else 0) for hour in range(HOURS)
    ]
    assert first.seconds == pytest.approx(np.full(HOURS, 3600), abs=0.01)


def test_the_dip_is_found_with_its_port_and_what_came_to_it(telescope: Telescope) -> None:
    found = of(telescope.ask)
    assert found.is_shown and not found.dips["B/25"]
    [dip] = found.dips["A/24"]
    assert [(each - MIDNIGHT // 1000) // HOUR_US for each in (dip.since, dip.until)] == [DIP.start, DIP.stop]
    assert dip.causes is not None
    [cause] = dip.causes
    assert (cause.protocol, cause.port, cause.new, cause.sources) == ("udp", 3306, FLOOD * len(DIP), SOURCES)
    assert cause.usual == 0 and cause.begins == "login 1"
    assert cause.lengths == (10, 11)
    assert dip.more == pytest.approx(FLOOD * len(DIP), rel=0.05)
    assert dip.dip.excess == pytest.approx(FLOOD * len(DIP), rel=0.05)


def test_a_filter_that_leaves_the_flood_out_has_no_dip(telescope: Telescope) -> None:
    assert of(telescope.ask, filter="not dst port 3306").dips == {"A/24": [], "B/25": []}


class Role:
    """Answers as a portal does to a role that is shown totals with noise."""

    def __init__(self, telescope: Telescope) -> None:
        self.telescope = telescope

    def ask(self, request: Request) -> Answer:
        if request.group is not None and request.verb != "darknet":
            raise NotShownError("viewers aren't shown this")
        answer = self.telescope.ask(request)
        if request.verb != "cache":
            return answer
        table = answer.table
        for name in ("payloads", "hits"):
            values = table.column(name).to_numpy()
            table = table.append_column(f"{name}_low", pa.array(values - 5))
            table = table.append_column(f"{name}_high", pa.array(values + 5))
        return Answer(table, answer.record)


def test_a_role_that_isn_t_shown_blocks_gets_all_together_with_what_holds_the_hit_rate(telescope: Telescope) -> None:
    found = of(Role(telescope).ask)
    assert not found.is_shown and not found.dips
    [bins] = found.blocks
    assert bins.block == ALL and bins.ends is not None
    assert bins.payloads[5] == 2 * (STEADY + FRESH) and bins.new[5] == 2 * FRESH
    low, high = (end[5] for end in bins.ends)
    assert low == pytest.approx((2 * STEADY - 5) / (2 * (STEADY + FRESH) + 5))
    assert high == 1.0 or high == pytest.approx((2 * STEADY + 5) / (2 * (STEADY + FRESH) - 5))


def hour_of(hour: int) -> list[tuple[bytes, int]]:
    """Payloads with ports: in the first twenty hours 800 old ones an hour, later 40; always 40 new ones."""
    old = [(b"steady %d" % (n % 10), 53) for n in range(800 if hour < 20 else 40)]
    new = [(b"fresh %d %d" % (hour, n), 1000 + n % 10) for n in range(40)]
    return [*old, *new]


@pytest.fixture(scope="module")
def fewer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fewer")
    came = [
        (MIDNIGHT + hour * HOUR_NS + number * HOUR_NS // 1000, udp(0x0A000001, FIRST["A/24"], port, payload))
        for hour in range(24)
        for number, (payload, port) in enumerate(hour_of(hour))
    ]
    ingest(folder / "STORE", write_pcap(folder / "x.pcap", came), blocks=BLOCKS[:1])
    return folder / "STORE"


def test_where_old_payloads_stay_away_no_port_is_a_cause(fewer: Path) -> None:
    with ims.open(fewer) as telescope:
        found = of(telescope.ask)
        result = telescope.analyse.cache()
    [dip] = found.dips["A/24"]
    assert dip.causes == [] and abs(dip.more) < dip.dip.excess / 2
    [row] = result.rows.to_pylist()
    assert (row["port"], row["share"]) == (None, None)
    assert "1 dip where hardly more payloads were new: fewer came that weren't" in result.notes


def test_what_came_after_the_range_is_no_part_of_a_dip(telescope: Telescope) -> None:
    until = MIDNIGHT // 1000 + 12 * HOUR_US + HOUR_US * 5 // 6
    found = of(telescope.ask, until=until)
    [dip] = found.dips["A/24"]
    assert dip.until == until and dip.causes is not None
    [cause] = dip.causes
    assert cause.new < FLOOD * 2.8
    assert dip.more == pytest.approx(cause.new, abs=6)
