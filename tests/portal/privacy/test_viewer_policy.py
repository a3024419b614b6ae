"""What becomes old enough for viewers who follow live: each cell once, wherever cells of its width begin."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ims.portal.privacy.settings import SecrecySettings
from ims.portal.privacy.viewer_policy import check, finished, unit_of
from ims.query.request import Request
from ims.query.verbs import VERBS, VerbName

DAY = 86_400.0
BEGAN = 1_772_582_400.0 + 12 * 3600
"""A Wednesday's noon."""


@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if verb.viewers and "bin" in verb.by_name])
def test_no_verb_has_bins_narrower_than_published_ones_or_younger(verb: VerbName) -> None:
    settings, now = SecrecySettings(viewer_bin=3600.0, viewer_delay=1800.0), round(BEGAN * 1e6)
    for wanted, width in ((1000, 3600), (5_400_000_000, 7200), (7200_000_000, 7200)):
        asked = check(Request(verb=verb, bin=wanted), settings, now)
        assert asked.since is not None and asked.until is not None
        assert (asked.bin, asked.since % 3_600_000_000) == (width * 1_000_000, 0)
        assert asked.until <= now - 1_800_000_000 and (asked.until - asked.since) % asked.bin == 0


@pytest.mark.parametrize("width", [60.0, 300.0, 3600.0, DAY, 7 * DAY])
@pytest.mark.parametrize("delay", [3600.0, 3600.1])
def test_each_bin_is_told_once_as_it_may_be_asked_for(width: float, delay: float) -> None:
    settings = SecrecySettings(viewer_bin=width, viewer_delay=delay)
    unit, told, ends = unit_of(settings), BEGAN, []
    for step in range(1, 200):
        now = BEGAN + step * width / 7.3
        begin, end = finished(settings, told, now)
        if end > begin:
            request = Request(verb="series", since=begin, until=end, bin=unit, group="block")
            asked = check(request, settings, round(now * 1e6))
            assert (asked.since, asked.until) == (begin, end)
            ends.append((begin, end))
            told = end / 1e6 + settings.viewer_delay
    assert len(ends) >= 25
    assert all(one[1] == other[0] for one, other in pairwise(ends))
    assert all(end - begin == unit for begin, end in ends)
