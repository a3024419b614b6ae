"""Shares and rates of blocks made by hand."""

from __future__ import annotations

import pytest

from ims.analyse.clusters import Clusters
from ims.analyse.local_preference.data import DISJOINT, ELSEWHERE, SAME_8, SAME_16
from ims.analyse.local_preference.shares import rate, shares, shares_together, unseen_at, unseen_by_24

from .blocks import DAY, block, data

ONE = dict.fromkeys(DISJOINT, 1.0)


def test_the_own_16_is_part_of_the_own_8() -> None:
    found = shares(block("A/24", [30, 10], [5, 5], [1] * 350), ONE)
    assert found is not None
    assert found.same_16.value == pytest.approx(0.1) and found.same_8.value == pytest.approx(0.125)
    assert found.same_16.low < 0.1 < found.same_16.high and found.same_8.low < 0.125 < found.same_8.high


def test_two_sources_tell_less_than_forty() -> None:
    few, many = (shares(block("A/24", own, [], [1] * 360), ONE) for own in ([20, 20], [1] * 40))
    assert few is not None and many is not None
    assert few.same_16.low < many.same_16.low < 0.1 < many.same_16.high < few.same_16.high


def test_where_none_came_from_near_the_upper_end_is_what_one_may_send() -> None:
    quiet = block("A/24", [], [], [1] * 1000)
    small, large = (shares(quiet, ONE | {SAME_16: packets}) for packets in (1.0, 100.0))
    assert small is not None and large is not None
    assert small.same_16[:2] == (0, 0) and small.same_16.high == pytest.approx(3.689 / 1003.689, rel=1e-3)
    assert large.same_16.high == pytest.approx(368.9 / 1368.9, rel=1e-3)
    assert large.same_8.high == pytest.approx(large.same_16.high, rel=0.02)


def test_what_an_unseen_source_sends_is_the_most_of_any_block_by_its_size() -> None:
    blocks = [block("A/24", [40], [2], [9]), block("B/22", [], [8], [7], 1024), block("C/16", [], [], [5], 65_536, DAY,
                                                                                     [SAME_16])]  # fmt: skip
    by_24 = unseen_by_24(blocks)
    assert by_24 == {SAME_16: 40, SAME_8: 2, ELSEWHERE: 9}
    assert unseen_at(blocks[1], by_24) == {SAME_16: 160, SAME_8: 8, ELSEWHERE: 36}
    assert unseen_at(blocks[2], by_24)[SAME_16] == 1, "nobody lives in a /16 that is dark"


def test_where_no_block_tells_it_is_as_much_as_any_source_sent() -> None:
    alone = block("A/24", [], [], [50, 1])
    by_24 = unseen_by_24([alone])
    assert unseen_at(alone, by_24) == {SAME_16: 50, SAME_8: 50, ELSEWHERE: 50}
    assert unseen_at(alone, by_24, 1.0) == {SAME_16: 1, SAME_8: 1, ELSEWHERE: 50}
    nothing = block("A/24")
    assert unseen_at(nothing, unseen_by_24([nothing])) == ONE
    assert shares(nothing, ONE) is None


def test_all_blocks_together_have_the_share_of_all_packets_and_no_less_width_than_as_one() -> None:
    blocks = [block("A/24", [40], [], [1] * 60), block("B/24", [], [], [1] * 100)]
    found = shares_together(blocks, data(*blocks).together, unseen_by_24(blocks))
    assert found is not None and found.same_16.value == pytest.approx(0.2)
    as_one = Clusters(40, 1600.0, 40.0).mid_interval()
    assert found.same_16.high > as_one.high / (as_one.high + 160) and found.same_16.low <= as_one.low
    assert shares_together([], {}, unseen_by_24([])) is None


def test_a_rate_is_by_24s_and_seconds_and_of_a_moment_none() -> None:
    found = rate(block("A/22", [], [], [1] * 4000, 1024, 1000), (ELSEWHERE,), ONE)
    assert found is not None and found.value == pytest.approx(1.0) and 0.95 < found.low < 1 < found.high < 1.05
    assert rate(block("A/24", [], [], [1], 256, 1e-6), (ELSEWHERE,), ONE) is None
    assert rate(block("A/24", [], [], [1], 0, 100), (ELSEWHERE,), ONE) is None
