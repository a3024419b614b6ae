"""Rows that are listed, and the sentence on those that aren't."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ims.analyse.new_payloads.listing import listed_payloads, rows_table
from ims.telescope import Telescope

from .known import HOUR, known


def test_moments_keep_their_microseconds_and_missing_values_stay_missing() -> None:
    row = dict.fromkeys(rows_table([]).column_names) | {"first": datetime(2026, 3, 4, 5, 6, 7, 8, UTC)}
    assert rows_table([row]).to_pylist() == [row]


def test_a_cut_list_says_of_how_many(telescope: Telescope) -> None:
    sightings = telescope.sightings("block A/24", limit=3).table
    data = known([(30, "A/24", None, None, None, None, 500, 500)], watch={"A/24": ((0, 1e6),), "b": ((0, 48),)})
    rows, notes = listed_payloads(replace(data, sightings=sightings))
    assert len(rows) == 3 and any("of 500 payloads, those that came to the most blocks" in note for note in notes)
    assert data.watch.others("A/24") == ((0, 48 * HOUR),)
    assert rows.column("only").null_count == 3, "nobody else was watched then"
