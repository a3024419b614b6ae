"""From when on it is known what is new, and what is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.evidence import Evidence
from ims.analyse.new_payloads.data import Range, data
from ims.analyse.options import options_of
from ims.settings.durations import DAY_US, HOUR_US
from ims.telescope import Telescope

from ...stores import MIDNIGHT
from .known import known
from .payload_store import EACH, HOURS

BEGIN = MIDNIGHT // 1000


def of(telescope: Telescope, **words: str) -> ims.analyse.new_payloads.data.Data:  # type: ignore[name-defined]
    options = options_of(ANALYSES["new-payloads"], words)
    evidence = Evidence(telescope.ask, options.request)
    assert evidence.watches().by_block
    return data(evidence, options)


@pytest.mark.parametrize(
    ("words", "since"),
    [({}, DAY_US), ({"history": "90m"}, 90 * HOUR_US // 60), ({"since": "2026-03-06"}, 2 * DAY_US),
     ({"since": "2026-03-04", "history": "6h"}, 6 * HOUR_US)],
)  # fmt: skip
def test_payloads_count_once_so_much_of_the_past_is_known(
    telescope: Telescope, words: dict[str, str], since: int
) -> None:
    found = of(telescope, **words)
    assert found.range.since - BEGIN == pytest.approx(since, abs=1000) and not found.range.is_short
    assert found.time.min() == found.range.since - found.range.since % HOUR_US


def test_packets_with_payload_and_the_darknet_s_size_are_those_of_each_bin_of_a_block(telescope: Telescope) -> None:
    found = of(telescope)
    assert len(found.time) == 3 * (HOURS - 24) and set(found.addresses.tolist()) == {256.0}
    first = found.packets[(found.place == "A/24") & (found.time == found.time.min())]
    assert first.tolist() == [EACH + 1]


@pytest.mark.parametrize("until", ["2026-03-04T20:00", "2026-03-05T02:00"])
def test_a_range_without_enough_of_the_past_begins_with_the_first_watch(telescope: Telescope, until: str) -> None:
    """Two hours after a day there is next to nothing to count in."""
    found = of(telescope, until=until)
    assert found.range.is_short and found.range.since - BEGIN == pytest.approx(0, abs=1000)


def test_a_range_that_begins_late_enough_may_be_short(telescope: Telescope) -> None:
    found = of(telescope, since="2026-03-05T01:00", until="2026-03-05T02:00")
    assert not found.range.is_short and found.range.since - BEGIN == 25 * HOUR_US


def test_of_a_short_past_a_bin_counts_that_began_before_the_first_watch() -> None:
    found = known([], hours=1)
    short = replace(found, range=Range(HOUR_US // 2, HOUR_US, HOUR_US // 2, 0, is_short=True))
    assert short.is_known(np.array(["a"], object), np.array([0])).all()


def test_a_place_that_joined_is_known_after_most_of_the_history() -> None:
    found = known([], watch={"a": ((0, 48),), "b": ((20, 48),)})
    hours = np.array([19, 20, 21, 22]) * HOUR_US
    assert found.is_known(np.array(["b"] * 4, object), hours).tolist() == [False, False, True, True]
    assert found.is_known(np.array(["a"] * 4, object), hours).all()
