"""A population writes with its kernel, and expects packets and octets by its conversations."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.populations.sender import Sender, active

ROW = np.dtype([("since", "i8"), ("until", "i8")])
time = st.integers(0, 50)


class Steady(Sender):
    def conversations(self, since, until):
        return float(until - since)


def test_a_kernel_gets_its_columns_between_tables_and_times():
    calls = []
    sender = Steady(lambda *given: calls.append(given) or len(calls) < 2, ("a", "b"), (2.0, 80.0))
    assert sender.write("draft", "packet", "tables", 3, 5) is True
    assert sender.write("draft", "packet", "tables", 5, 9) is False
    assert calls == [("draft", "packet", "tables", "a", "b", 3, 5), ("draft", "packet", "tables", "a", "b", 5, 9)]
    assert sender.expected(3, 5) == (4.0, 160.0)


@given(st.lists(st.tuples(time, time), max_size=5), time, time)
def test_a_row_is_active_where_its_time_and_the_while_overlap(rows, since, until):
    found = active(np.array(rows, ROW), since, until).tolist()
    assert found == [len(range(max(a, since), min(b, until))) for a, b in rows]
