"""The hash table of signatures answers as a dict would, however full it is and whatever collides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.store.first_seen_table import look_up_or_add

from ..effort import examples

CAPACITY = 64
KEYS = st.integers(0, 5) | st.integers(0, 7).map(lambda n: n << 61) | st.integers(0, 2**64 - 1)
CALLS = st.lists(st.lists(st.tuples(KEYS, st.integers(0, 50), st.booleans()), max_size=8), max_size=8)
SEEDS = st.integers(0, 2**63 - 1).map(lambda n: 2 * n + 1)


class Table:
    """The kernel's arrays."""

    def __init__(self, seed, capacity=CAPACITY):
        self.rows, self.slots = np.empty((capacity, 2), np.uint64), np.zeros(2 * capacity, np.int32)
        self.count, self.seed = np.zeros(1, np.int64), np.uint64(seed)

    def ask(self, keys, arrivals, known=None):
        earliest = np.array(arrivals, np.uint64)
        flags = np.zeros(len(keys), np.bool_) if known is None else np.array(known, np.bool_)
        look_up_or_add(np.array(keys, np.uint64), earliest, flags, self.rows, self.slots, self.count, self.seed)
        return earliest.tolist()

    @property
    def held(self):
        return {int(key): int(arrival) for key, arrival in self.rows[: self.count[0]]}


@settings(max_examples=examples(300, 60))
@given(CALLS, SEEDS)
def test_it_answers_as_a_dict_would(calls, seed):
    table, model = Table(seed), {}
    for call in calls:
        expected = []
        for key, arrival, known in call:
            if key in model:
                model[key] = min(model[key], arrival)
            elif not known:
                model[key] = arrival
            expected.append(model.get(key, arrival))
        assert table.ask(*zip(*call, strict=True)) == expected if call else True
        assert table.held == model
        assert table.count[0] == len(model)  # no key twice


def test_one_that_is_full_finds_all_and_keeps_the_order_in_which_they_came():
    table, keys = Table(0x9E3779B97F4A7C15), [number << 32 | 7 for number in range(CAPACITY)]
    assert table.ask(keys, range(CAPACITY)) == list(range(CAPACITY))
    assert list(table.held) == keys
    assert table.ask(keys[::-1], [1000] * CAPACITY) == list(range(CAPACITY))[::-1]


def test_what_stands_in_a_run_already_is_looked_up_and_not_added():
    table = Table(1)
    assert table.ask([5], [40], [True]) == [40]
    assert table.held == {}
    table.ask([5], [30])
    assert table.ask([5], [40], [True]) == [30]
    assert table.ask([5], [20], [True]) == [20]
    assert table.held == {5: 20}


@pytest.mark.parametrize("seed", [1, 3, 2**64 - 1])
def test_the_same_key_twice_in_one_call_is_one_row(seed):
    table = Table(seed)
    assert table.ask([9, 9, 9], [7, 5, 6]) == [7, 5, 5]
    assert table.held == {9: 5}
