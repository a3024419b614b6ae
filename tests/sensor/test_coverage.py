"""Coverage of a live run: periods that go on, gaps of their own, clocks that jump."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ims.darknet import Block, Darknet
from ims.sensor.coverage import PERIODS, CoverageLog
from ims.settings.durations import HOUR_US

MIDNIGHT = 1_800_000_000_000_000 // (24 * HOUR_US) * 24 * HOUR_US
SECOND = 1_000_000
DARK = Darknet([Block.parse("A=198.51.100.0/24"), Block.parse("B=203.0.113.0/24")])


class Clock:
    def __init__(self, now: int = MIDNIGHT - 10 * SECOND) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def watched(clock: Clock) -> CoverageLog:
    return CoverageLog(DARK, {"A": "ack", "B": "silent"}, clock)


def periods(made: CoverageLog, block: str = "A") -> list[tuple[int, int, int]]:
    rows: list[dict[str, Any]] = made.rows()[2].to_pylist()
    return [
        (round(row["since"].timestamp() * 1e6), round(row["until"].timestamp() * 1e6), row["frames_lost"])
        for row in rows
        if row["block"] == block
    ]


def test_what_goes_well_is_one_period() -> None:
    clock = Clock()
    made = watched(clock)
    begun = clock.now
    for _ in range(5):
        clock.now += SECOND
        made.look(0, {})
        made.saved()
    assert periods(made) == [(begun, clock.now, 0)]
    assert {row["policy"] for row in made.rows()[2].to_pylist()} == {"ack", "silent"}


def test_a_loss_is_a_gap_with_a_number() -> None:
    clock = Clock()
    made = watched(clock)
    begun = clock.now
    for lost in (0, 0, 7, 5, 0, 0):
        clock.now += SECOND
        made.look(lost, {"B": 2} if lost == 7 else {})
    assert periods(made) == [
        (begun, begun + 2 * SECOND, 0),
        (begun + 2 * SECOND, begun + 4 * SECOND, 12),
        (begun + 4 * SECOND, begun + 6 * SECOND, 0),
    ]
    rows = made.rows()[2].to_pylist()
    assert [row["payloads_lost"] for row in rows if row["block"] == "B"] == [0, 2, 0]
    assert made.rows()[1].frames_lost == 12


def test_a_loss_at_the_very_beginning_is_one_too() -> None:
    clock = Clock()
    made = watched(clock)
    clock.now += SECOND
    made.look(3, {})
    clock.now += SECOND
    made.look(0, {})
    assert [lost for _, _, lost in periods(made)] == [3, 0]


def test_a_record_ends_with_its_hour_and_the_next_goes_on_where_it_ended() -> None:
    clock = Clock()
    made = watched(clock)
    first = made.rows()[0]
    clock.now = MIDNIGHT + SECOND
    made.look(0, {})
    before = periods(made)
    made.saved()
    assert made.rows()[0] != first
    clock.now += SECOND
    made.look(0, {})
    assert periods(made)[0][0] == before[-1][1]


def test_a_record_does_not_grow_without_end() -> None:
    clock = Clock(MIDNIGHT)
    made = watched(clock)
    for number in range(10 * PERIODS):
        clock.now += SECOND
        made.look(number % 2, {})
        made.saved()
        assert len(periods(made)) <= PERIODS + 1


def test_another_configuration_begins_a_record() -> None:
    clock = Clock()
    made = watched(clock)
    clock.now += SECOND
    made.look(0, {})
    first = made.rows()[0]
    made.change(Darknet([Block.parse("C=192.0.2.0/24")]), {"C": "reset"})
    clock.now += SECOND
    made.look(4, {})
    assert made.rows()[0] != first
    assert [(lost, until - since) for since, until, lost in periods(made, "C")] == [(4, SECOND)]


class TwoClocks:
    """One that is set, one that isn't."""

    def __init__(self) -> None:
        self.clock, self.steady = Clock(), Clock(0)
        self.made = CoverageLog(DARK, {"A": "ack", "B": "silent"}, self.clock, self.steady)
        self.begun = self.clock.now

    def live(self, microseconds: int, step: int = 0) -> None:
        """Live so long, and have the clock set meanwhile."""
        self.steady.now += microseconds
        self.clock.now += microseconds + step
        self.made.look(0, {})


def test_what_a_clock_that_is_set_forward_leaves_out_was_not_watched() -> None:
    two = TwoClocks()
    for step in (0, 0, 7200 * SECOND, 0):
        two.live(SECOND, step)
    later = two.begun + 7202 * SECOND
    assert periods(two.made) == [(two.begun, two.begun + 3 * SECOND, 0), (later, later + 2 * SECOND, 0)]


def test_what_came_around_the_moment_a_clock_was_set_back_is_covered() -> None:
    """A packet just before the step, and one just after, are of the second between two looks."""
    two = TwoClocks()
    for step in (0, -7200 * SECOND, 0):
        two.live(SECOND, step)
    earlier = two.begun - 7199 * SECOND
    assert periods(two.made) == [(two.begun, two.begun + 2 * SECOND, 0), (earlier, earlier + 2 * SECOND, 0)]


def test_a_clock_that_is_slewed_is_not_set() -> None:
    two = TwoClocks()
    for _ in range(20):
        two.live(SECOND, 500)  # as adjtime does: 500 ppm
    assert periods(two.made) == [(two.begun, two.clock.now, 0)]


@given(st.lists(st.tuples(st.integers(1, 3 * SECOND), st.integers(-86_400 * SECOND, 86_400 * SECOND)), max_size=40))
def test_whatever_is_set_each_moment_lived_is_covered_and_no_more_than_twice(taken: list[tuple[int, int]]) -> None:
    two = TwoClocks()
    saved: dict[str, list[tuple[int, int, int]]] = {}
    lived = []
    for microseconds, step in taken:
        lived += [two.clock.now, two.clock.now + microseconds - 1]  # the step came last
        lived += [two.clock.now + step, two.clock.now + step + microseconds - 1]  # the step came first
        two.live(microseconds, step if abs(step) > SECOND else 0)
        lived = lived if abs(step) > SECOND else lived[:-2]
        saved[two.made.rows()[0]] = periods(two.made)
        two.made.saved()
    found = [period for rows in saved.values() for period in rows]
    assert all(any(since <= moment < until for since, until, _ in found) for moment in lived)
    assert sum(until - since for since, until, _ in found) <= 2 * sum(microseconds for microseconds, _ in taken)


steps = st.lists(st.tuples(st.integers(-7200 * SECOND, 7200 * SECOND), st.integers(0, 3)), min_size=1, max_size=60)


@given(steps)
def test_whatever_the_clock_does_periods_are_in_order_and_every_loss_is_counted_once(
    taken: list[tuple[int, int]],
) -> None:
    """A clock that was set back begins a period of its own; none has a negative length, and no loss vanishes."""
    clock = Clock()
    made = watched(clock)
    saved: dict[str, list[tuple[int, int, int]]] = {}
    lost_in_all = 0
    for step, lost in taken:
        clock.now += step
        made.look(lost, {})
        lost_in_all += lost
        name, record, _ = made.rows()
        saved[name] = periods(made)
        assert record.since_us <= record.until_us
        made.saved()
    found = [period for rows in saved.values() for period in rows]
    assert all(since < until for since, until, _ in found)
    assert sum(lost for _, _, lost in found) == lost_in_all
    if all(step > 0 for step, _ in taken):
        assert sum(until - since for since, until, _ in found) == sum(step for step, _ in taken)
