"""What an outbreak is estimated from: of a store with a gap, and of sources that come again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.evidence import Evidence
from ims.analyse.execution import options_of, run
from ims.analyse.outbreak.data import MOST_BINS, WIDER, Data, data
from ims.query.errors import QuestionError
from ims.telescope import Telescope

from ...shared import shared
from ...stores import MIDNIGHT, ingest, udp, write_pcap

HOUR_NS, HOUR_US = 3600 * 10**9, 3_600_000_000
HOURS = [*range(10), *range(14, 30)]
"""That were watched."""


def packets(hours: list[int]) -> Iterator[tuple[int, bytes]]:
    """Of sources 1 to 5 in each hour one packet, of the hour's own source two; the last one ends the last hour."""
    for hour in hours:
        for number, source in enumerate([1, 2, 3, 4, 5, 1000 + hour, 1000 + hour]):
            yield MIDNIGHT + hour * HOUR_NS + number * 10**9, udp(0x0B000000 + source, 0xC6336400, 53)
    yield MIDNIGHT + (hours[-1] + 1) * HOUR_NS - 1000, udp(0x0B000001, 0xC6336400, 53)


def make(folder: Path) -> None:
    for name, hours in (("early", HOURS[:10]), ("late", HOURS[10:])):
        ingest(folder / "STORE", write_pcap(folder / f"{name}.pcap", packets(hours)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "outbreak-data", make) / "STORE"


@pytest.fixture
def telescope(store: Path) -> Iterator[Telescope]:
    with ims.open(store) as telescope:
        yield telescope


def of(telescope: Telescope, **words: Any) -> Data:
    """The data that the model is handed."""
    options = options_of(ANALYSES["outbreak"], words)
    evidence = Evidence(telescope.ask, options.request)
    evidence.watches()
    return data(evidence, options)


def test_sources_are_distinct_in_each_bin_that_was_watched(telescope: Telescope) -> None:
    found = of(telescope)
    assert ((found.time - MIDNIGHT // 1000) // HOUR_US).tolist() == HOURS
    assert found.sources.value.tolist() == [6] * 26
    assert found.packets.value.tolist() == [7] * 9 + [8] + [7] * 15 + [8]
    assert found.seconds == pytest.approx(np.full(26, 3600), abs=1)
    assert found.addresses == pytest.approx(np.full(26, 256), rel=1e-3)
    assert (found.sources.low == found.sources.value).all() and (found.sources.high == found.sources.value).all()


def test_wider_bins_count_a_source_once(telescope: Telescope) -> None:
    found = of(telescope)
    assert tuple(found.wider) == WIDER and found.width == found.asked == HOUR_US
    for times in WIDER:
        begins, sources = found.wider[times]
        for begin, count in zip(((begins - MIDNIGHT // 1000) // HOUR_US).tolist(), sources.tolist(), strict=True):
            assert count == 5 + sum(begin <= hour < begin + times for hour in HOURS)


def test_a_bin_without_a_match_has_no_source(telescope: Telescope) -> None:
    found = of(telescope, filter="src host 11.0.3.232")  # the first hour's own
    assert found.sources.value.tolist() == [1] + [0] * 25 and found.packets.value.tolist() == [2] + [0] * 25


def test_a_range_and_a_width_are_kept_to(telescope: Telescope) -> None:
    words = {"since": "2026-03-04T02:00:00Z", "until": "2026-03-04T05:00:00Z", "bin": "10m"}
    found = of(telescope, **words)
    assert len(found.time) == 18 and found.asked == HOUR_US // 6
    assert found.sources.value.tolist() == ([6] + [0] * 5) * 3


def test_too_many_bins_are_refused_before_anything_else_is_asked(telescope: Telescope) -> None:
    asked = []

    def ask(request: Any) -> Any:
        asked.append(request.verb)
        return telescope.ask(request)

    with pytest.raises(QuestionError, match=f"bins are more than the {MOST_BINS:,}") as refused:
        run(ANALYSES["outbreak"], ask, {"bin": "1m"})
    assert "series" not in asked and "\n" not in str(refused.value)
