"""When places, and others than a place, were watched, against a moment-by-moment look."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.new_payloads.watch import PlaceWatch, place_watch
from ims.query.darkspace import united
from ims.query.language.filter import parse

periods = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)).map(lambda pair: (pair[0], sum(pair))), min_size=1)
watches = st.dictionaries(st.sampled_from("abcd"), periods.map(lambda each: tuple(united(each))), min_size=1).map(
    PlaceWatch
)


@given(watches)
def test_others_are_watched_when_any_of_them_is(watch: PlaceWatch) -> None:
    for name in watch.periods:
        others = [period for other, each in watch.periods.items() if other != name for period in each]
        for at in range(45):
            expected = any(begin <= at < end for begin, end in others)
            assert any(begin <= at < end for begin, end in watch.others(name)) == expected


@given(watches)
def test_a_place_is_watched_in_its_periods(watch: PlaceWatch) -> None:
    at = np.arange(45)
    for name, each in watch.periods.items():
        expected = [any(begin <= moment < end for begin, end in each) for moment in at.tolist()]
        assert watch.is_watched(name, at).tolist() == expected
    assert not watch.is_watched("nowhere", at).any()
    assert watch.begin == min(each[0][0] for each in watch.periods.values())


def test_places_are_blocks_or_sensors_that_a_filter_can_match() -> None:
    moment = pa.timestamp("us", "UTC")
    day = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]
    table = pa.table({
        "sensor": ["a", "a", "b"], "block": ["C/24", "D/24", "D/24"], "since": pa.array([day[0], day[1], day[0]], moment),
        "until": pa.array([day[1], day[2], day[1]], moment),
    })  # fmt: skip
    blocks = place_watch(table, None, "block")
    assert {name: len(each) for name, each in blocks.periods.items()} == {"C/24": 1, "D/24": 1}
    assert list(place_watch(table, None, "sensor").periods) == ["a", "b"]
    assert list(place_watch(table, parse("sensor b"), "block").periods) == ["D/24"]
    assert place_watch(table.slice(0, 0), None, "block").begin is None
