"""What becomes old enough for viewers who follow live: each cell once, wherever cells of its width begin."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ims.portal.privacy.settings import SecrecySettings
from ims.portal.privacy.viewer_policy import check, finished, unit_of
from ims.query.request import Request

DAY = 86_400.0
BEGAN = 1_772_582_400.0 + 12 * 3600
"""A Wednesday's noon."""


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
