"""Rows that are listed, and the sentence on those that aren't."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import ims
from ims.analyse.new_payloads.listing import COLUMNS, listed_payloads, rows_table
from ims.query.errors import QuestionError
from ims.query.verbs import MOST_DETAILED
from ims.telescope import Telescope

from ...stores import MIDNIGHT, ingest, udp, write_pcap
from .known import HOUR, known

SOURCE, DARK = 0x0808_0808, 0xC633_6407


def test_moments_keep_their_microseconds_and_missing_values_stay_missing() -> None:
    row = dict.fromkeys(COLUMNS.names) | {"first": datetime(2026, 3, 4, 5, 6, 7, 8, UTC)}
    found = pa.Table.from_pylist([row, row], COLUMNS)
    assert rows_table(found).to_pylist() == [row, row]
    assert rows_table(found, np.array([True, False])).to_pylist() == [row]


def test_all_are_listed_unless_a_limit_is_given(tmp_path: Path) -> None:
    """More than a verb that looks at each payload by itself gives."""
    count = MOST_DETAILED + 5
    packets = [(MIDNIGHT + n * 1_000_000_000, udp(SOURCE, DARK, 53, b"%d" % n)) for n in range(count)]
    store = ingest(tmp_path / "STORE", write_pcap(tmp_path / "x.pcap", packets), blocks=["C/24=198.51.100.0/24"])
    with ims.open(store) as opened:
        found = opened.analyse.new_payloads(history="5s")
        assert len(found.rows) == count - 5 and not any("rows are of" in note for note in found.notes)
        assert found.rows.column("first").to_pylist() == sorted(found.rows.column("first").to_pylist())
        cut = opened.analyse.new_payloads(history="5s", limit=7)
        with pytest.raises(QuestionError, match="limit 0: expected 1 to 10,000,000 rows"):
            opened.analyse.new_payloads(limit=0)
    assert cut.rows.equals(found.rows.slice(0, 7)) and cut.estimates["new_rate"] == found.estimates["new_rate"]
    assert any(f"rows are of 7 of {count - 5:,} payloads" in note for note in cut.notes)


def test_a_cut_list_says_of_how_many(telescope: Telescope) -> None:
    sightings = telescope.sightings("block A/24", limit=3).table
    data = known([(30, "A/24", None, None, None, None, 500, 500)], watch={"A/24": ((0, 1e6),), "b": ((0, 48),)})
    rows, notes = listed_payloads(replace(data, sightings=sightings))
    assert len(rows) == 3 and any("of 500 payloads, those that came to the most blocks" in note for note in notes)
    assert data.watch.others("A/24") == ((0, 48 * HOUR),)
    assert rows.column("only").null_count == 3, "nobody else was watched then"
