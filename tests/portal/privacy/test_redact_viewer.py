"""A viewer's table: its grid, sizes and missing values tell nothing of what came."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.privacy.policy import SecrecySettings
from ims.portal.privacy.redact_viewer import coverage
from ims.query.answer import Answer
from ims.query.request import Request

from .gate import HOUR, HOURS, NOISY, START, Ask, Copy, gate, rows, through, told


def test_cache_and_count_are_the_cells_of_their_metrics(telescope: Ask) -> None:
    secrecy, words = gate(NOISY), {"since": HOURS[0], "until": HOURS[-1] + HOUR}
    hits = rows(secrecy, telescope, "cache", bin=HOUR, **words)
    payloads = rows(secrecy, telescope, "series", metric="payloads", bin=HOUR, **words)
    assert [row["payloads"] for row in hits] == [row["value"] for row in payloads]
    [count] = rows(secrecy, telescope, "count", **words)
    assert count["payloads"] == sum(row["value"] or 0 for row in payloads)
    assert count["sources"] is None  # five hours' distinct sources are no sum of those of one
    [one] = rows(secrecy, telescope, "count", since=HOURS[1], until=HOURS[2])
    [source] = rows(secrecy, telescope, "series", metric="sources", bin=HOUR, since=HOURS[1], until=HOURS[2])
    assert one["sources"] == source["value"] and one["sources"] is not None
    assert one["destinations"] is one["signatures"] is one["first"] is None


def test_per_24_divides_what_is_shown_by_two_digits_of_the_size(telescope: Ask) -> None:
    secrecy, words = gate(NOISY), {"since": HOURS[0], "until": HOURS[3]}
    for group, size in (("protocol", 1.5), ("category", 1.5)):
        whole, each = (rows(secrecy, telescope, "top", group=group, per_24=per, **words) for per in (False, True))
        assert [row["value"] / size for row in whole] == [row["value"] for row in each]
    blocks = rows(secrecy, telescope, "top", group="block", per_24=True, **words)
    exact = {row["block"]: row["value"] for row in rows(secrecy, telescope, "top", group="block", **words)}
    assert {row["block"]: row["value"] for row in blocks} == {"C/24": exact["C/24"], "D/25": exact["D/25"] * 2}


def test_a_bin_that_is_not_shown_looks_as_one_in_which_nothing_came(copies: list[Copy]) -> None:
    secrecy = gate(SecrecySettings(viewer_threshold=10**6, viewer_noise=0, viewer_bin=60))
    for limit in (0, 1, 3):
        words = {"since": START, "until": START + 5 * HOUR, "bin": 60_000_000, "limit": limit}
        seen = [
            through(secrecy, "viewer", Request(verb="series", filter=f"dst port {port}", **words), copies[0])  # type: ignore[arg-type]
            for port in (23, 9)
        ]
        assert isinstance(seen[0], Answer)
        assert isinstance(seen[1], Answer)
        assert seen[0].table == seen[1].table
        assert told(seen[0]) == told(seen[1])
        assert len(seen[0]) == (limit or 300)
    words = {"since": START, "until": START + 5 * HOUR, "bin": HOUR}
    grouped = through(secrecy, "viewer", Request(verb="series", group="destination_port", **words), copies[0])  # type: ignore[arg-type]
    assert isinstance(grouped, Answer)
    assert len(grouped) == 0


MOMENTS = st.integers(0, 40 * HOUR)


@given(st.lists(st.tuples(st.sampled_from("ab"), MOMENTS, MOMENTS), max_size=6), st.integers(0, 20), st.integers(1, 20))
def test_coverage_is_told_in_whole_bins_of_the_range(
    periods: list[tuple[str, int, int]], begin: int, bins: int
) -> None:
    """So that nobody reads from it when the last packet of a capture came."""
    since, until = begin * HOUR, (begin + bins) * HOUR
    spans = [(name, min(ends), max(ends)) for name, *ends in periods]
    kind = pa.timestamp("us", "UTC")
    columns = {
        name: pa.array([span[at] for span in spans], pa.int64()).cast(kind) for name, at in (("since", 1), ("until", 2))
    }
    names = pa.array([name for name, _, _ in spans], pa.string())
    table = pa.table({"sensor": names, "block": names, "prefix": names, **columns})
    found = coverage(Request(verb="coverage", since=since, until=until), table, HOUR)
    told = {
        (row["sensor"], hour)
        for row in found.set_column(2, "since", found.column("since").cast(pa.int64()))
        .set_column(3, "until", found.column("until").cast(pa.int64()))
        .to_pylist()
        for hour in range(row["since"], row["until"], HOUR)
    }
    watched = {
        (name, hour)
        for name, first, last in spans
        for hour in range(since, until, HOUR)
        if first < hour + HOUR and last > hour
    }
    touched = {(name, first // HOUR * HOUR) for name, first, last in spans if first == last}  # of no time at all
    assert watched <= told <= watched | touched
    assert found.column_names == ["sensor", "block", "since", "until"]
