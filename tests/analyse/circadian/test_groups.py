"""Groups by country, and what is observed of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ims.analyse.circadian.groups import (
    MOST_GROUPS,
    OTHER,
    UNKNOWN,
    Group,
    ahead_of,
    groups_of,
    local_of,
    observed_of,
    watched_of,
)

from ..day_counts import bins, totals, weeks, without

RATES = np.full((4, 48), 5.0)


def test_without_groups_there_is_one_of_all() -> None:
    data = weeks(RATES)
    [group] = groups_of(data)
    assert group.name == "all" and group.sources.tolist() == data.sources.value.tolist()


def test_groups_are_the_largest_the_others_and_the_unknown() -> None:
    rates = np.arange(1, MOST_GROUPS + 5)[:, None] * np.full((1, 48), 20.0)
    names = (None, *(f"C{number}" for number in range(len(rates) - 1)))
    data = weeks(rates, names=names)
    groups = groups_of(data)
    assert [each.name for each in groups] == [
        *(f"C{number}" for number in range(MOST_GROUPS + 2, 2, -1)), OTHER, UNKNOWN,
    ]  # fmt: skip
    assert sum(each.sources.sum() for each in groups) == data.sources.value.sum()
    assert groups[-2].chosen is not None and groups[-2].chosen.sum() == 3


def test_a_bin_of_which_less_than_half_was_watched_is_left_out() -> None:
    data = weeks(RATES)
    seconds = np.where(np.arange(48) == 7, 1700.0, 3600.0)
    part = replace(bins(48), seconds=seconds)
    watched = watched_of(replace(data, drawn=part, narrow=part))
    assert watched.kept.tolist() == [hour != 7 for hour in range(48)]
    assert watched.hour[:8].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 8.5]
    assert watched.place[6:9].tolist() == [6, -1, 7]


def test_bins_that_a_role_is_not_shown_are_left_out() -> None:
    data = totals(weeks(RATES))
    data.sources.value[3] = np.nan
    assert not watched_of(data).kept[3] and watched_of(data).kept.sum() == 47


def test_hours_are_those_of_the_clock_after_a_gap_too() -> None:
    data = without(weeks(RATES), np.isin(np.arange(48), range(10)))
    assert watched_of(data).hour[0] == 10.5


def test_sources_of_a_group_are_counted_by_network() -> None:
    data = weeks(RATES, names=("A", "A", "B", None))
    group = next(each for each in groups_of(data) if each.name == "A")
    observed, cells = observed_of(data, watched_of(data), group)
    assert observed.counts[0].tolist() == group.sources.tolist()
    assert cells is not None
    assert np.bincount(cells.cluster, cells.count).sum() == group.sources.sum() and cells.cluster.max() == 1


def test_by_their_clocks_sources_are_in_strata() -> None:
    data = weeks(RATES, ahead=np.array([9.0, 9.0, -5.0, np.nan]))
    [group] = groups_of(data)
    local = local_of(data, watched_of(data), group)
    assert local is not None
    observed, cells = local
    assert observed.ahead.tolist() == [-5, 9] and cells is not None
    assert data.networks is not None
    found = data.networks.narrow
    for stratum, of in enumerate(([2], [0, 1])):
        inside = np.isin(found.network, of)
        assert observed.counts[stratum].tolist() == np.bincount(found.bin[inside], found.count[inside], 48).tolist()
    assert ahead_of(data, group) == pytest.approx((9 + 9 - 5) / 3, abs=0.6)


@pytest.mark.parametrize("ahead", [[np.nan] * 4, [9.0, np.nan, np.nan, np.nan]])
def test_where_most_clocks_are_not_known_there_is_no_local_time(ahead: list[float]) -> None:
    data = weeks(RATES, ahead=np.array(ahead))
    [group] = groups_of(data)
    assert local_of(data, watched_of(data), group) is None and ahead_of(data, group) is None


def test_totals_have_neither_networks_nor_clocks() -> None:
    data = totals(weeks(RATES))
    group = Group("all", data.sources.value, None, 8)
    observed, cells = observed_of(data, watched_of(data), group)
    assert cells is None and observed.counts[0].tolist() == data.sources.value.tolist()
    assert local_of(data, watched_of(data), group) is None and ahead_of(data, group) is None
