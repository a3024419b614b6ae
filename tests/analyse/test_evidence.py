"""What an analysis asks, and what it keeps of the answers."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from ims.analyse.blocks import MOST_BLOCKS
from ims.analyse.evidence import Evidence
from ims.query.answer import Answer
from ims.query.condition import parsed
from ims.query.errors import QuestionError
from ims.query.request import Request, make_request
from ims.telescope import Telescope

WEEK = 7 * 86_400_000_000


def test_it_asks_about_its_filter_and_its_range(telescope: Telescope) -> None:
    asked: list[Request] = []

    def ask(request: Request) -> Answer:
        asked.append(request)
        return telescope.ask(request)

    evidence = Evidence(ask, make_request("series", "udp", since="2026-03-04"))
    evidence.series(WEEK, "block")
    evidence.darknet(WEEK)
    assert evidence.watches().by_block and evidence.watches().by_block
    assert [(each.verb, each.filter, each.since) for each in asked] == [
        ("series", parsed("udp"), 1_772_582_400_000_000), ("darknet", parsed("udp"), 1_772_582_400_000_000),
        ("coverage", None, 1_772_582_400_000_000),
    ]  # fmt: skip
    assert asked[0].origin == asked[1].origin == 4 * 86_400_000_000  # weeks begin on Mondays
    assert len(evidence.records) == 3


def test_the_size_is_of_what_the_filter_can_match(telescope: Telescope) -> None:
    sizes = {"block A/24": 256, "sensor b": 128, "block A/24 or block B/25": (256 * 8 + 128 * 4) / 8, "block Z/24": 0}
    for filter, size in sizes.items():
        assert Evidence(telescope.ask, make_request("series", filter)).size() == pytest.approx(size, rel=1e-6), filter


def test_the_range_is_fixed_by_the_first_answer(telescope: Telescope) -> None:
    """A live store grows between questions: what comes later isn't counted while by coverage nothing was watched."""
    asked: list[Request] = []

    def ask(request: Request) -> Answer:
        asked.append(request)
        return telescope.ask(request)

    evidence = Evidence(ask, make_request("series", None))
    end = max(row["until"] for row in evidence.coverage.rows())
    evidence.darknet(WEEK)
    assert asked[0].until is None and asked[1].until == round(end.timestamp() * 1e6) == evidence.until


def test_a_range_and_bins_that_a_role_is_shown_are_those_of_the_record(telescope: Telescope) -> None:
    def ask(request: Request) -> Answer:
        answer = telescope.ask(request)
        changes = {"since": "2026-03-04T01:00:00Z", "until": "2026-03-04T03:00:00Z", "bin_seconds": 3600.0}
        return Answer(answer.table, replace(answer.record, **changes))

    evidence = Evidence(ask, make_request("series", None))
    evidence.darknet(300_000_000)
    assert (evidence.since, evidence.until) == (1_772_586_000_000_000, 1_772_593_200_000_000)
    assert evidence.width == 3_600_000_000


def test_more_blocks_than_can_be_analysed_are_refused(telescope: Telescope) -> None:
    """As a sensor may name them that is enrolled and hostile."""

    def ask(request: Request) -> Answer:
        answer = telescope.ask(request)
        row = answer.table.slice(0, 1).to_pylist()[0]
        rows = [{**row, "block": f"{number}/24"} for number in range(MOST_BLOCKS + 1)]
        return Answer(pa.Table.from_pylist(rows, answer.table.schema), answer.record)

    with pytest.raises(QuestionError, match="2,001 blocks are more than the 2,000 of an analysis; name some"):
        Evidence(ask, make_request("series", None)).watches()


def test_what_is_missing_is_noted_once(telescope: Telescope) -> None:
    def ask(request: Request) -> Answer:
        answer = telescope.ask(request)
        return Answer(answer.table, replace(answer.record, silent={"z": "gone"}, withheld=("not shown",)))

    evidence = Evidence(ask, make_request("series", None))
    assert evidence.coverage.record.silent and len(evidence.series(WEEK))
    assert evidence.notes == ["z did not answer: gone", "not shown"]


def test_narrower_evidence_is_of_both_filters_and_its_own_range(telescope: Telescope) -> None:
    asked: list[Request] = []

    def ask(request: Request) -> Answer:
        asked.append(request)
        return telescope.ask(request)

    evidence = Evidence(ask, make_request("series", "udp", since="2026-03-04"))
    since = 1_772_582_400_000_000 + 3_600_000_000
    narrow = evidence.narrowed(parsed("dst port 53"), since=since, until=since + 3_600_000_000)
    [first] = narrow.top("destination_port", rows=1).to_pylist()
    assert first["destination_port"] == 53
    assert str(asked[-1].filter) == "ip proto 17 and dst port 53"
    assert (asked[-1].since, asked[-1].until, asked[-1].limit) == (since, since + 3_600_000_000, 1)
    assert evidence.since == 1_772_582_400_000_000 and evidence.until is None
    assert len(evidence.narrowed(parsed("payload")).payloads(3)) <= 3


def test_who_was_silent_to_a_narrower_question_counts_for_all(telescope: Telescope) -> None:
    def ask(request: Request) -> Answer:
        answer = telescope.ask(request)
        if request.filter is None:
            return answer
        return Answer(answer.table, replace(answer.record, silent={"z": "gone"}, withheld=("not shown",)))

    evidence = Evidence(ask, make_request("series", None))
    assert evidence.series(WEEK) and not evidence.silent
    evidence.narrowed(parsed("udp")).narrowed(parsed("dst port 53")).series(WEEK)
    assert evidence.silent == {"z"}
    assert evidence.notes == ["not shown"]  # what was lost is said of the whole range alone
