"""A viewer's figure is the sum of its published cells, in whatever words it is asked for."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ims.portal.privacy.policy import PrivacyPolicy
from ims.query.answer import Answer
from ims.query.request import Request

from .gate import HOUR, HOURS, NOISY, PREFIXES, Ask, gate, rows

FIGURES = [(HOURS[begin], HOURS[0] + end * HOUR) for begin, end in ((0, 1), (0, 5), (1, 3), (2, 3), (2, 4), (1, 4))]
"""Ranges of whole hours, four of which hold the third."""
QUIET = NOISY.model_copy(update={"viewer_noise": 0.0, "viewer_threshold": 0})


def figures(secrecy: PrivacyPolicy, telescope: Ask, begin: int, end: int) -> Iterator[tuple[str, int | None]]:
    """Every figure of one port's packets in a range, in every word that a viewer has."""
    range = {"since": begin, "until": end}
    for filter in ("tcp dst port 23", "ip and dst port 23 and tcp"):
        yield "count", rows(secrecy, telescope, "count", filter=filter, **range)[0]["packets"]
        if begin % (end - begin) == 0:  # else bins of this width begin elsewhere
            for per_24, size in ((False, 1), (True, 1.5)):
                [row] = rows(secrecy, telescope, "series", filter=filter, bin=end - begin, per_24=per_24, **range)
                yield "series", None if row["value"] is None else round(row["value"] * size)
    for group in (
        {"filter": "tcp", "group": "destination_port"},
        {"filter": "tcp dst port 23", "group": "destination_port"},
    ):
        found = rows(secrecy, telescope, "top", limit=9999, **group, **range)
        yield "top", next((row["value"] for row in found if row["destination_port"] == 23), None)


def test_an_hour_s_figure_is_the_same_in_all_words_and_ranges(telescope: Ask) -> None:
    """The attack: someone who knows the other hours of a range takes them off, and has the hour in as many figures as
    there are ranges and words. Were each made uncertain apart, their mean would be exact."""
    secrecy = gate(NOISY)
    cells = {hour: rows(secrecy, telescope, "count", filter="tcp dst port 23", since=hour, until=hour + HOUR)[0]["packets"]
             for hour in HOURS}  # fmt: skip
    probed = HOURS[2]
    exact = telescope(Request(verb="count", filter="tcp dst port 23", since=probed, until=probed + HOUR)).rows()[0]
    seen = set()
    for begin, end in FIGURES:
        if not begin <= probed < end:
            continue
        for _verb, figure in figures(secrecy, telescope, begin, end):
            seen.add((figure or 0) - sum(cells[h] or 0 for h in range(begin, end, HOUR) if h != probed))
    assert seen == {cells[probed]}
    assert cells[probed] != exact["packets"]


@pytest.mark.parametrize("group", ["destination_port", "icmp_type", "protocol", "category", "block", "sensor", "source/8",
                                   "source/3"])  # fmt: skip
def test_rows_of_a_group_are_sums_of_the_cells_of_their_hours(telescope: Ask, group: str) -> None:
    secrecy, name = gate(NOISY), group.replace("/", "_")
    hourly: dict[Any, dict[int, int]] = {}
    for row in rows(secrecy, telescope, "series", group=group, bin=HOUR, since=HOURS[0], until=HOURS[-1] + HOUR):
        hourly.setdefault(row[name], {})[round(row["time"].timestamp() * 1e6)] = row["value"]
    assert hourly
    for begin, end in FIGURES:
        expected = {
            key: total
            for key, cells in hourly.items()
            if (total := sum(value for hour, value in cells.items() if begin <= hour < end))
        }
        top = rows(secrecy, telescope, "top", group=group, since=begin, until=end, limit=9999)
        assert {row[name]: row["value"] for row in top} == expected
        assert all(row["low"] <= row["value"] <= row["high"] for row in top)


def test_a_filter_gives_the_cells_that_its_group_does(telescope: Ask) -> None:
    secrecy, words = gate(NOISY), {"since": HOURS[0], "until": HOURS[-1] + HOUR}
    for group, filter in {
        "destination_port": "dst port {}", "icmp_type": "icmp[icmptype] = {}", "protocol": "ip proto {}",
        "category": "category {}", "block": 'block "{}"', "sensor": "sensor {}", "source/8": "src net {}",
    }.items():  # fmt: skip
        found = rows(secrecy, telescope, "top", group=group, limit=9999, **words)
        assert found, group
        for row in found[:2]:
            [alone] = rows(secrecy, telescope, "count", filter=filter.format(row[group.replace("/", "_")]), **words)
            assert alone["packets"] == row["value"], (group, row)
            assert (alone["packets_low"], alone["bytes"]) == (row["low"], None)


def test_an_answer_of_too_many_figures_is_refused(monkeypatch: pytest.MonkeyPatch, telescope: Ask) -> None:
    monkeypatch.setattr("ims.portal.privacy.cell_sums.MOST_CELLS", 3)
    with pytest.raises(ValueError, match="more than 3 figures, the most for viewers"):
        rows(gate(NOISY), telescope, "top", group="destination_port", since=HOURS[0], until=HOURS[-1])


def test_a_sensor_that_was_silent_for_one_question_is_said_to_be(telescope: Ask) -> None:
    def put(request: Request) -> Answer:
        answer = telescope(request)
        silent = {"b": "10.0.0.7: refused"} if request.verb == "series" and "6" in str(request.filter) else {}
        return Answer(answer.table, replace(answer.record, silent=silent))

    secrecy = gate(NOISY)
    checked = secrecy.check("viewer", Request(verb="top", group="destination_port", since=HOURS[0], until=HOURS[-1]))
    assert secrecy.answer("viewer", checked, put).record.silent == {"b": "no answer"}


@pytest.mark.parametrize("bits", [1, 3, 7, 8])
def test_without_noise_a_prefix_of_sources_is_the_sum_of_its_8s(telescope: Ask, bits: int) -> None:
    words = {"since": HOURS[0], "until": HOURS[-1] + HOUR, "limit": 9999}
    exact: Counter[str] = Counter()
    for row in telescope(Request(verb="top", group="source/8", **words)).rows():  # type: ignore[arg-type]
        exact[str(ipaddress.IPv4Network(row["source_8"]).supernet(new_prefix=bits))] += row["value"]
    dark = {str(each.supernet(new_prefix=bits)) for each in PREFIXES}  # LAND packets, whose source isn't shown
    found = rows(gate(QUIET), telescope, "top", group=f"source/{bits}", **words)
    seen = {row[f"source_{bits}"]: row["value"] for row in found}
    assert seen
    assert {key: value for key, value in seen.items() if key not in dark} == {
        key: value for key, value in exact.items() if key not in dark
    }
    assert all(row["low"] == row["value"] for row in found)


def test_without_noise_an_hour_s_figures_are_the_telescope_s(telescope: Ask) -> None:
    words = {"since": HOURS[0], "until": HOURS[-1] + HOUR, "filter": "tcp dst port 23"}
    [exact] = telescope(Request(verb="count", **words)).rows()  # type: ignore[arg-type]
    [found] = rows(gate(QUIET), telescope, "count", **words)
    assert found["packets"] == exact["packets"] > 0
    series = rows(gate(QUIET), telescope, "series", bin=HOUR, **words)
    assert sum(row["value"] or 0 for row in series) == exact["packets"]
