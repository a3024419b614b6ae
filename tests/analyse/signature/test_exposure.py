"""To which blocks payloads came, with few questions."""

from __future__ import annotations

from pathlib import Path

import ims
from ims.analyse.evidence import Evidence
from ims.analyse.signature.exposure import came_to, one_of
from ims.query.language.filter import parse
from ims.query.request import Request

from ..payload_store import NEW, ONLY_B, STEADY, payload_store, signature

__all__ = ["payload_store"]


def test_blocks_of_many_payloads_are_asked_block_by_block_with_the_same_answer(payload_store: Path) -> None:
    names = [signature(each) for each in (STEADY, NEW, ONLY_B)]
    answers, asked = [], []
    with ims.open(payload_store) as telescope:
        for blocks in (["A/24", "B/25"], ["A/24", "B/25", "another", "and another"]):
            questions: list[Request] = []
            evidence = Evidence(
                lambda request, seen=questions: (seen.append(request), telescope.ask(request))[1],  # type: ignore[misc]
                Request(verb="series"),
            )
            answers.append(came_to(evidence, names, blocks))
            asked.append(len(questions))
    assert asked == [2, 3]
    assert answers[0] == answers[1]
    assert answers[0][names[2]].keys() == {"B/25"} and answers[0][names[0]].keys() == {"A/24", "B/25"}


def test_a_filter_of_payloads_is_what_a_user_would_write() -> None:
    names = [signature(each) for each in (STEADY, NEW)]
    assert one_of(names) == parse(" or ".join(f"signature {name}" for name in names))
    assert one_of(names[:1]) == parse(f"signature {names[0]}")
