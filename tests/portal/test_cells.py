"""Viewers' figures are sums of published cells: whatever words they are asked with, they tell no more than the cells do."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

import ims
from ims.portal.cells import questions
from ims.portal.forbidden import Forbidden
from ims.portal.secrecy import Secrecy, SecrecySettings
from ims.query.answer import Answer
from ims.query.request import Request

from .permuted import MIDNIGHT, store
from .test_secrecy import HOUR, LATER, PREFIXES, conjunctions, requests

START = MIDNIGHT // 1000
HOURS = range(START, START + 5 * HOUR, HOUR)
FIGURES = [(HOURS[begin], HOURS[0] + end * HOUR) for begin, end in ((0, 1), (0, 5), (1, 3), (2, 3), (2, 4), (1, 4))]
"""Ranges of whole hours, four of which hold the third."""
SETTINGS = SecrecySettings(viewer_threshold=4, viewer_noise=1, viewer_bin="1h")


def gate(settings: SecrecySettings = SETTINGS, secret: bytes = bytes(32)) -> Secrecy:
    return Secrecy(settings, lambda: PREFIXES, clock=lambda: LATER, secret=secret)


Ask = Callable[[Request], Answer]


@pytest.fixture(scope="module")
def telescope(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Answers a question, once."""
    opened = ims.open(store(tmp_path_factory.mktemp("cells"), 0))
    kept: dict[str, Answer] = {}

    def put(request: Request) -> Answer:
        asked = request.model_dump_json()
        if asked not in kept:
            kept[asked] = opened.ask(request)
        return kept[asked]

    return put


def rows(secrecy: Secrecy, telescope: Ask, verb: str, **words: Any) -> list[dict[str, Any]]:
    checked = secrecy.check("viewer", Request(verb=verb, **words))  # type: ignore[arg-type]
    return secrecy.answer("viewer", checked, telescope).rows()


def figures(secrecy: Secrecy, telescope: Ask, begin: int, end: int) -> Iterator[tuple[str, int | None]]:
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
    secrecy = gate()
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
    secrecy, name = gate(), group.replace("/", "_")
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
    secrecy, words = gate(), {"since": HOURS[0], "until": HOURS[-1] + HOUR}
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


def test_cache_and_count_are_the_cells_of_their_metrics(telescope: Ask) -> None:
    secrecy, words = gate(), {"since": HOURS[0], "until": HOURS[-1] + HOUR}
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
    secrecy, words = gate(), {"since": HOURS[0], "until": HOURS[3]}
    for group, size in (("protocol", 1.5), ("category", 1.5)):
        whole, each = (rows(secrecy, telescope, "top", group=group, per_24=per, **words) for per in (False, True))
        assert [row["value"] / size for row in whole] == [row["value"] for row in each]
    blocks = rows(secrecy, telescope, "top", group="block", per_24=True, **words)
    exact = {row["block"]: row["value"] for row in rows(secrecy, telescope, "top", group="block", **words)}
    assert {row["block"]: row["value"] for row in blocks} == {"C/24": exact["C/24"], "D/25": exact["D/25"] * 2}


REFUSED = ["tcp and category scan", "dst port 23 and src net 8.0.0.0/8", "icmp and block C/24", "tcp and udp",
           "sensor a and category scan", "payload", "verified", "dst port 23 and payload",
           "dst port 23 and icmp[icmptype] = 8", "ip proto 132 and dst port 23"]  # fmt: skip


@pytest.mark.parametrize("filter", REFUSED)
def test_what_is_no_published_table_is_refused(filter: str) -> None:
    """Each would be a table more, with noise of its own, in which a packet is."""
    with pytest.raises(Forbidden, match="viewers"):
        gate().check("viewer", Request(verb="count", filter=filter))


def test_a_group_and_a_filter_are_of_one_table() -> None:
    for group, filter in itertools.permutations(["protocol", "category", "block", "sensor"], 2):
        text = {"protocol": "udp", "category": "category scan", "block": "block C/24", "sensor": "sensor a"}[filter]
        with pytest.raises(Forbidden, match="one thing at a time"):
            gate().check("viewer", Request(verb="top", group=group, filter=text))
    for words in ({"group": "block", "metric": "bytes"}, {"filter": "tcp", "metric": "payloads"}):
        with pytest.raises(Forbidden, match="of all packets only"):
            gate().check("viewer", Request(verb="series", **words))  # type: ignore[arg-type]
    with pytest.raises(Forbidden, match="of all packets only"):
        gate().check("viewer", Request(verb="cache", filter="tcp"))
    with pytest.raises(Forbidden, match="by bins of 3,600 s alone"):
        gate().check("viewer", Request(verb="series", metric="sources", bin=2 * HOUR))


@given(requests(conjunctions, ("count", "series", "top", "cache")))
def test_sensors_are_asked_for_whole_published_cells_alone(request: Request) -> None:
    """In bins of the published width on its grid, of one table, whatever the words were."""
    try:
        checked = gate().check("viewer", request)
    except Forbidden:
        return
    for cells in questions(checked, HOUR):  # type: ignore[arg-type]
        asked = cells.request
        assert asked.bin == HOUR and not asked.per_24 and asked.origin is None
        assert asked.verb == ("cache" if request.verb == "cache" else "series")
        assert (asked.since or 0) % HOUR == (asked.until or 0) % HOUR == 0
        assert asked.group in (
            None,
            "destination_port",
            "icmp_type",
            "protocol",
            "category",
            "block",
            "sensor",
            "source/8",
        )


def test_long_ranges_of_ports_are_asked_for_by_the_day() -> None:
    """So that sensors' rows fit into memory, and other ranges find the same days kept."""
    secrecy = Secrecy(SecrecySettings(), lambda: PREFIXES, clock=lambda: LATER + 40 * 86400)
    day = 24 * HOUR
    asked = {}
    for since in (START + 5 * HOUR, START - 3 * day):
        checked = secrecy.check(
            "viewer", Request(verb="top", group="destination_port", since=since, until=START + 7 * day)
        )
        asked[since] = {(c.within, c.request.since, c.request.until) for c in questions(checked, HOUR)}  # type: ignore[arg-type]
        assert all(until - begin <= day for _, begin, until in asked[since])  # type: ignore[operator]
    first, second = asked.values()
    assert len(first & second) == 2 * 6
    with pytest.raises(Forbidden, match="ask for a shorter range"):
        secrecy.check("viewer", Request(verb="top", group="destination_port", since=START - 400 * day))


def test_an_answer_of_too_many_figures_is_refused(monkeypatch: pytest.MonkeyPatch, telescope: Ask) -> None:
    monkeypatch.setattr("ims.portal.cell_sums.MOST_CELLS", 3)
    with pytest.raises(ValueError, match="more than 3 figures, the most for viewers"):
        rows(gate(), telescope, "top", group="destination_port", since=HOURS[0], until=HOURS[-1])


def test_a_sensor_that_was_silent_for_one_question_is_said_to_be(telescope: Ask) -> None:
    def put(request: Request) -> Answer:
        answer = telescope(request)
        silent = {"b": "10.0.0.7: refused"} if request.verb == "series" and "6" in str(request.filter) else {}
        return Answer(answer.table, replace(answer.record, silent=silent))

    secrecy = gate()
    checked = secrecy.check("viewer", Request(verb="top", group="destination_port", since=HOURS[0], until=HOURS[-1]))
    assert secrecy.answer("viewer", checked, put).record.silent == {"b": "no answer"}
