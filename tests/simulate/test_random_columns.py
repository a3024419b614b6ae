import numpy as np

from ims.simulate.random_columns import PUBLIC, RandomColumns


def test_numbers_depend_on_the_seed_alone():
    assert (
        RandomColumns(1).below(1000, 5).tolist()
        == RandomColumns(1).below(1000, 5).tolist()
        != RandomColumns(2).below(1000, 5).tolist()
    )


def test_numbers_are_below_the_limit_and_reach_all_of_it():
    numbers = RandomColumns(1).below(7, 10_000)
    assert np.unique(numbers).tolist() == list(range(7))
    assert np.bincount(numbers).min() > 1250


def test_weights_are_kept():
    picked = RandomColumns(1).pick([5, 6, 7], 100_000, [1, 0, 3])
    assert set(picked.tolist()) == {5, 7}
    assert 0.74 < (picked == 7).mean() < 0.76


def test_addresses_look_public():
    first = np.unique(RandomColumns(1).address(50_000) >> 24)
    assert first.tolist() == list(PUBLIC)
    assert not {0, 10, 127, 224, 255} & set(PUBLIC)
