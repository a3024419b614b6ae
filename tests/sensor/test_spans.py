"""When a capture watched: from what was stored, and no longer than that tells."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.sensor.spans import QUIET_US, SPANS, Spans, holes_in_words, merged
from ims.settings.durations import HOUR_US

NOON = 1_772_600_400_000_000
SECOND = 1_000_000
DAY = 24 * HOUR_US


def periods(*batches):
    spans = Spans([])
    for times in batches:
        spans.add(np.array(times, np.int64))
        spans = Spans(spans.rows)  # as if it was killed and went on
    return [(row[0] - NOON, row[1] - NOON) for row in merged(spans.rows)]


def test_what_is_quiet_for_days_is_one_period():
    assert periods([NOON, NOON + 3 * DAY], [NOON + 3 * DAY, NOON + 9 * DAY]) == [(0, 9 * DAY)]


def test_one_time_of_another_year_does_not_stretch_it():
    found = periods([NOON, NOON + 5], [0, NOON + 10], [9_223_372_036_000_000], [NOON + SECOND])
    assert found == [(-NOON, -NOON), (0, SECOND), (9_223_372_036_000_000 - NOON,) * 2]


def test_a_time_of_another_day_does_not_either_whatever_comes_after_it():
    for stray in (-3 * DAY, 3 * DAY):
        for after in (SECOND, 3 * HOUR_US):
            assert periods([NOON, NOON + stray, NOON + after, NOON + after + 1]) == sorted(
                [(0, after + 1), (stray, stray)]
            )


def test_what_two_interfaces_mix_up_by_minutes_is_one_period():
    times = [NOON + number * SECOND + (-(number % 2)) * HOUR_US // 2 for number in range(1000)]
    assert len(periods(times)) == 1


def test_captures_appended_in_the_wrong_order_are_two_periods_that_are_told():
    times = [NOON + 30 * DAY, NOON + 30 * DAY + SECOND, NOON, NOON + SECOND]
    assert periods(times) == [(0, SECOND), (30 * DAY, 30 * DAY + SECOND)]
    spans = Spans([])
    spans.add(np.array(times, np.int64))
    assert holes_in_words(spans.rows, 0) == (
        "its packets lie in 2 periods, which are out of order in the file: 2026-03-04T05:00:00Z to "
        "2026-03-04T05:00:01Z, 2026-04-03T05:00:00Z to 2026-04-03T05:00:01Z. Only these count as watched"
    )


def test_more_spans_than_there_is_room_for_are_counted():
    spans = Spans([])
    spans.add(NOON + 30 * DAY * np.arange(SPANS + 10, dtype=np.int64))
    assert len(merged(spans.rows)) == SPANS
    assert spans.beyond == 10
    assert "; 10 packets of yet other times stored too" in holes_in_words(spans.rows, spans.beyond)


def test_a_quiet_block_of_many_months_is_one_period():
    assert periods(*([NOON + number * DAY] for number in range(500))) == [(0, 499 * DAY)]


@given(st.lists(st.integers(-40 * DAY, 40 * DAY), min_size=1, max_size=60))
def test_every_time_is_in_a_period_and_none_spans_a_hole(steps):
    times = NOON + np.cumsum(np.array(steps, np.int64))
    spans = Spans([])
    spans.add(times)
    found = merged(spans.rows)
    assert all(any(since <= time <= until for since, until, *_ in found) for time in times.tolist())
    for since, until, *_ in found:
        within = np.sort(times[(times >= since) & (times <= until)])
        assert (since, until) == (within[0], within[-1])
        assert (np.diff(within) <= QUIET_US).all()
