"""Drafts are put in the order of time, written as far as they are due, and the rest is carried over."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.kernels.frame_buffer import LARGEST, PACKET, empty_draft, put_packet, shelf_of
from ims.simulate.kernels.order import carry_over, due, sort_by_time
from ims.simulate.kernels.persona import persona_table

times = st.lists(st.integers(0, 60) | st.integers(0, 1 << 62), max_size=60)


def draft_of(values):
    draft, packet = empty_draft(len(values) + 3, (len(values) + 3) * LARGEST), np.zeros(1, PACKET)[0]
    shelf = shelf_of([b"payload", b"p"], [0, 0])
    for index, time in enumerate(values):
        packet["time"], packet["protocol"], packet["source"], packet["event"] = time, 17, index, index
        packet["payload"], packet["payload_length"] = 1 + index % 2, 7 - 6 * (index % 2)
        packet["hops"], packet["block"], packet["persona"] = index % 19, index % 3, index % 5
        assert put_packet(draft, packet, persona_table(), shelf)
    return draft


def ordered(draft, since=0):
    room = draft.time.size
    keys, spare_keys, order, spare = (np.zeros(room, np.int64) for _ in range(4))
    rows = sort_by_time(draft, since, keys, spare_keys, order, spare, np.zeros(2048, np.int64))
    return order, rows


@given(times=times, since=st.integers(0, 1 << 40))
def test_the_order_is_numpy_s_stable_one(times, since):
    draft = draft_of([since + time for time in times])
    order, rows = ordered(draft, since)
    assert rows == len(times)
    assert order[:rows].tolist() == np.argsort(draft.time[:rows], kind="stable").tolist()


@given(times=times, until=st.integers(0, 1 << 62) | st.integers(0, 60), begin=st.integers(0, 60))
def test_due_is_what_comes_before(times, until, begin):
    draft = draft_of(times)
    order, rows = ordered(draft)
    begin = min(begin, rows)
    assert due(draft, order, begin, rows, until) == max(begin, sum(time < until for time in times))


@given(times=times, share=st.floats(0, 1))
def test_what_is_carried_over_is_the_rest_as_it_was(times, share):
    draft = draft_of(times)
    order, rows = ordered(draft)
    count = int(rows * share)
    other = empty_draft(draft.time.size, draft.octets.size)
    assert carry_over(draft, order, count, rows, other)
    assert other.used[0] == rows - count
    assert other.used[1] == draft.length[order[count:rows]].sum()
    for to, row in enumerate(order[count:rows].tolist()):
        for column in ("time", "length", "event", "block", "persona", "hops", "payload", "speaks"):
            assert getattr(other, column)[to] == getattr(draft, column)[row]
        frames = [d.octets[d.offset[r] : d.offset[r] + d.length[r]].tobytes() for d, r in ((draft, row), (other, to))]
        assert frames[0] == frames[1]


def test_the_rest_comes_after_what_is_there():
    draft, other = draft_of([30, 10, 20]), draft_of([5])
    order, rows = ordered(draft)
    assert carry_over(draft, order, 1, rows, other)
    assert other.time[:3].tolist() == [5, 20, 30]
    assert other.offset[:3].tolist() == np.cumsum([0, *other.length[:2]]).tolist()


def test_a_draft_too_small_for_the_rest_says_so():
    draft = draft_of([3, 2, 1])
    order, rows = ordered(draft)
    assert not carry_over(draft, order, 0, rows, empty_draft(2, 10_000))
    assert not carry_over(draft, order, 0, rows, empty_draft(10, 100))
