"""How much less payloads of campaigns tell: against weights that are changed a little, and against what is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ims.analyse.new_payloads.campaigns import Begins, Steps, influence
from ims.analyse.new_payloads.survival import Times, survival

BINS = 48


def drawn(seed: int, count: int = 4000, together: int = 1, late: float = 0.0) -> Times:
    """Payloads of a time of 48 bins, half of which come on after 6 bins in the middle; those of a campaign at once.
    `late`: up to so long after it came, each can be seen by nobody."""
    rng = np.random.default_rng(seed)
    groups = count // together
    first = rng.uniform(0, BINS, groups)
    delay = np.where(rng.random(groups) < 0.5, rng.exponential(8.7, groups), np.inf)
    since = rng.uniform(0, late, groups)
    first, delay, since = (np.repeat(each, together) for each in (first, delay, since))
    stop = np.minimum(delay, BINS - first)
    seen = stop > since
    first, delay, since, stop = first[seen], delay[seen], since[seen], stop[seen]
    came, ones, bins = delay <= BINS - first, np.ones(len(first)), first.astype(np.int64)
    return Times(since, stop, ones, delay[came], ones[came], BINS - first, ones, Begins(bins, bins[came], BINS))


@pytest.mark.parametrize("late", [0.0, 2.0])
def test_a_bin_adds_what_the_share_changes_by_if_the_bin_counts_more(late: float) -> None:
    times, more = drawn(1, late=late), 1e-5
    begins = times.begins
    assert begins is not None
    curve = survival(times)
    steps = Steps(curve.delay, curve.could, curve.came, curve.left)
    at, added = influence(steps, (times.since, times.until, times.weight), (times.at, times.number), begins)
    assert added.shape == (BINS, len(at))
    np.testing.assert_allclose(added.sum(0), 0, atol=1e-9)
    for number in (0, 17, 40):
        weighed = replace(times, weight=times.weight * (1 + more * (begins.of_risks == number)),
                          number=times.number * (1 + more * (begins.of_came == number)))  # fmt: skip
        change = -(np.log(survival(weighed).left) - np.log(curve.left)) / more
        np.testing.assert_allclose(added[number], change[at], rtol=0.02, atol=2e-4)


@pytest.mark.parametrize("together", [1, 10])
def test_the_variance_is_as_many_times_more_as_payloads_come_together(together: int) -> None:
    found = []
    for seed in range(40):
        excess = survival(drawn(seed, together=together)).excess
        assert excess is not None and excess.freedom == 5
        found.append([float(np.asarray(excess.share)[-1]), float(np.median(excess.halfway))])
    assert np.mean(found, axis=0) == pytest.approx([together, together], rel=0.25)


def test_payloads_that_began_in_few_bins_may_be_of_one_campaign() -> None:
    times = drawn(3)
    begins = times.begins
    assert begins is not None
    curve = survival(replace(times, begins=Begins(begins.of_risks % 5, begins.of_came % 5, BINS)))
    share, median = curve.of_share(), curve.median()
    assert curve.excess is None and share is not None and median is not None
    assert share.value == survival(times).reached
    assert all(np.isnan([share.low, share.high, median.low, median.high]))
    assert np.isnan(curve.share()[1]).all()
    of_one = begins.of_came * 0  # those that came on are of one bin, the others of many
    assert survival(replace(times, begins=Begins(begins.of_risks, of_one, BINS))).excess is None
