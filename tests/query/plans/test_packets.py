"""Plans of exports: every packet of the range once, oldest first, with its payload's octets and the frames kept raw."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest

from ims.query.engines.duckdb import Engine
from ims.query.plans.packets import FRAMES, ROWS, WHOLE_ROWS
from ims.query.plans.plan import ARRIVAL
from ims.query.request import make_request
from ims.store.reader import open_store

from ...sign.collision import FIRST, MD5, SECOND
from ...stores import MIDNIGHT, ingest, udp, write_pcap

DARK = 0xC633_6409
FIVE = {"since": "2026-03-04T05:00", "until": "2026-03-04T06:00"}


@pytest.mark.parametrize(("filter", "words"), [(None, {}), ("tcp", {}), (None, FIVE), ("udp and payload", FIVE)])
def test_all_packets_of_the_range_are_there_oldest_first(
    engine: Engine, rows: list[dict[str, Any]], filter: str | None, words: dict[str, str]
) -> None:
    begin = MIDNIGHT // 1000 + 5 * 3_600_000_000
    chosen = [
        row for row in rows
        if (not words or begin <= row["us"] < begin + 3_600_000_000)
        and {None: True, "tcp": row["protocol"] == 6, "udp and payload": row["protocol"] == 17 and row["payload_length"]}[filter]
    ]  # fmt: skip
    found = engine.run(ROWS, make_request("packets", filter, **words)).to_pylist()
    assert 0 < len(found) == len(chosen)
    keys = ("sensor", "source", "destination", "ip_id", "time_ns", "signature")
    assert sorted(repr([row[key] for key in keys]) for row in found) == sorted(
        repr([row[key] for key in keys]) for row in chosen
    )
    for one, next in itertools.pairwise(found):
        assert (one["time"], one["time_ns"], one["sensor"]) <= (next["time"], next["time_ns"], next["sensor"])


def test_a_limit_is_not_looked_at(engine: Engine, rows: list[dict[str, Any]]) -> None:
    assert engine.run(ROWS, make_request("packets", None, limit=1)).num_rows == len(rows)


def test_each_packet_with_a_payload_has_the_octets_of_its_signature(engine: Engine) -> None:
    request = make_request("packets", None, **FIVE)
    whole, plain = engine.run(WHOLE_ROWS, request), engine.run(ROWS, request)
    assert whole.select(list(ARRIVAL)).equals(plain.select(list(ARRIVAL)))
    seen = 0
    for row in whole.select(["signature", "payload_bytes", "payload_length"]).to_pylist():
        assert (row["signature"] is None) == (row["payload_bytes"] is None)
        if row["signature"] is not None:
            assert hashlib.md5(row["payload_bytes"]).digest() == row["signature"]
            assert len(row["payload_bytes"]) == row["payload_length"]
            seen += 1
    assert seen > 10


def test_of_two_payloads_with_one_md5_the_other_is_among_the_frames(tmp_path: Path) -> None:
    minute = 60 * 10**9
    packets = [
        (MIDNIGHT + n * minute, udp(n + 1, DARK, 80, octets)) for n, octets in enumerate((FIRST, SECOND, SECOND))
    ]
    with open_store(ingest(tmp_path / "S", write_pcap(tmp_path / "c.pcap", packets))) as store:
        engine = Engine([store], threads=1)
        whole = engine.run(WHOLE_ROWS, make_request("packets", None)).to_pylist()
        assert [(row["signature"], row["payload_bytes"]) for row in whole] == [(MD5, FIRST)] * 3
        frames = engine.run(FRAMES, make_request("packets", None)).to_pylist()
        assert sorted(row["frame"] for row in frames) == sorted(packet for _, packet in packets[1:])
        some = engine.run(FRAMES, make_request("packets", None, until="2026-03-04T00:02")).to_pylist()
        assert [row["frame"] for row in some] == [packets[1][1]]
        assert engine.run(FRAMES, make_request("packets", None, since="2026-03-04T00:02:00.000001")).num_rows == 0
        engine.close()
