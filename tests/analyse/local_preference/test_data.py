"""What the analysis asks, and what it makes of answers."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.evidence import Evidence
from ims.analyse.local_preference.data import ALL, NONE, SAME_8, SAME_16, Near, _added, _filled, data
from ims.analyse.options import options_of
from ims.query.answer import Answer
from ims.query.request import Request

from ...stores import MIDNIGHT, ingest, udp, write_pcap

OWN, OTHER = 0xC6330909, 0x01020304
"""198.51.9.9 and 1.2.3.4"""
A, B = "A/24=198.51.100.0/24", "B/25=203.0.113.0/25"
HOUR_NS = 3600 * 10**9


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three packets to A/24, two of them from its own /16, and later one to B/25, which joins in the middle."""
    folder = tmp_path_factory.mktemp("near")
    sent = [(MIDNIGHT, udp(OWN, 0xC6336401, 53)), (MIDNIGHT + HOUR_NS // 2, udp(OWN, 0xC6336402, 53)),
            (MIDNIGHT + HOUR_NS, udp(OTHER, 0xC6336401, 53))]  # fmt: skip
    later = [(MIDNIGHT + 20 * HOUR_NS + n * HOUR_NS, udp(OTHER, 0xCB007101, 53)) for n in range(2)]
    ingest(folder / "S", write_pcap(folder / "a.pcap", sent), sensor="a", blocks=[A])
    return ingest(folder / "S", write_pcap(folder / "b.pcap", later), sensor="b", blocks=[B])


def test_blocks_have_their_size_their_time_and_their_packets(store: Path) -> None:
    with ims.open(store) as telescope:
        request = options_of(ANALYSES["local-preference"], {})
        found = data(Evidence(telescope.ask, request.request), request)
    a, b = found.blocks
    assert (a.name, a.addresses, b.name, b.addresses) == ("A/24", 256, "B/25", 128)
    assert a.seconds == pytest.approx(3600, abs=1) and b.seconds == pytest.approx(3600, abs=1)
    assert a.of(SAME_16) == Near(2, 1, 4.0, 2) and a.of(SAME_8) == NONE and a.of(ALL) == Near(3, 2, 5.0, 2)
    assert found.together[ALL] == Near(5, 3, 9.0, 2)
    assert b.exposure == pytest.approx(1800, abs=1)


def test_blocks_of_a_sensor_that_is_silent_count_nowhere(store: Path) -> None:
    from dataclasses import replace

    with ims.open(store) as telescope:

        def ask(request: Request) -> Answer:
            answer = telescope.ask(request)
            return Answer(answer.table, replace(answer.record, silent={"b": "gone"} if request.verb == "local" else {}))

        request = options_of(ANALYSES["local-preference"], {})
        found = data(Evidence(ask, request.request), request)
    assert [block.name for block in found.blocks] == ["A/24"] and found.together[ALL].packets == 3


def test_a_block_fills_a_network_that_all_its_prefixes_are_of() -> None:
    coverage = pa.table(
        {
            "block": ["A/8", "B/15", "C/24", "D", "D"],
            "prefix": ["10.0.0.0/8", "44.8.0.0/15", "198.51.100.0/24", "44.0.0.0/16", "45.1.2.0/24"],
        }
    )
    assert _filled(coverage) == {"A/8": {SAME_16, SAME_8}, "B/15": {SAME_16}, "C/24": set(), "D": set()}


def test_parts_are_added_up() -> None:
    assert _added([Near(3, 2, 5.0, 2), Near(4, 1, 16.0, 4)]) == Near(7, 3, 21.0, 4)
    assert _added([]) == NONE
