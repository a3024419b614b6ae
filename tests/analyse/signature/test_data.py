"""What is asked: few questions, of few payloads, none of which is chosen by when it came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.evidence import Evidence
from ims.analyse.options import options_of
from ims.analyse.signature.data import LEAST_SOURCES, Data, data
from ims.query.answer import Answer
from ims.query.errors import NotShownError, QuestionError
from ims.query.request import Request

from ..payload_store import HOSTILE, NEW, ONLY_B, STEADY, payload_store, signature

__all__ = ["payload_store"]


def asked(store: Path, refused: str = "", **words: Any) -> tuple[Data, list[Request]]:
    """The data, and the questions; `refused`: what a role may not ask."""
    questions: list[Request] = []
    with ims.open(store) as telescope:

        def ask(request: Request) -> Answer:
            questions.append(request)
            if refused and refused in str(request.filter):
                raise NotShownError("no payload that may be shown has this signature")
            return telescope.ask(request)

        options = options_of(ANALYSES["signature"], words)
        return data(Evidence(ask, options.request), options), questions


def test_few_questions_are_asked_and_none_names_a_payload_of_one_source(payload_store: Path) -> None:
    found, questions = asked(payload_store, filter="udp", top=1)
    verbs = [each.verb for each in questions if each.verb != "coverage"]
    assert len(verbs) <= 10
    assert all(each.sources >= LEAST_SOURCES for each in found.payloads)
    assert {signature(each) for each in (STEADY, NEW, ONLY_B, HOSTILE)} <= {each.signature for each in found.payloads}


def test_sources_by_time_are_asked_of_those_alone_that_may_have_appeared(payload_store: Path) -> None:
    found, _ = asked(payload_store)
    by_name = {each.signature: each for each in found.payloads}
    assert by_name[signature(STEADY)].arrivals is None
    new = by_name[signature(NEW)]
    assert new.arrivals is not None and (new.arrivals <= new.packets).all() and new.arrivals.sum() > 100


def test_where_blocks_were_watched_at_different_times_the_watch_is_that_of_those_it_came_to(
    payload_store: Path,
) -> None:
    found, _ = asked(payload_store)
    exposure = next(each.exposure for each in found.payloads if each.signature == signature(ONLY_B))
    assert exposure is not None and exposure[:47].sum() == 0
    assert exposure.sum() == pytest.approx(found.exposure.sum())
    alike, _ = asked(payload_store, since="2026-03-06T01:00")
    assert all(each.exposure is None for each in alike.payloads)


def test_bins_hold_all_packets_and_exposure_all_time(payload_store: Path) -> None:
    found, _ = asked(payload_store)
    assert found.filled.sum() < found.whole.sum() and (found.filled <= found.whole).all()
    assert found.exposure.sum() == pytest.approx(120, abs=0.1)
    assert np.all(np.diff(found.time) > 0)


def test_a_role_that_may_not_ask_for_signatures_has_the_sum(payload_store: Path) -> None:
    found, _ = asked(payload_store, refused="signature")
    assert found.payloads == () and found.withheld > 1000 and found.notes


def test_too_many_bins_are_refused_in_one_line(payload_store: Path) -> None:
    with pytest.raises(QuestionError, match=r"bins are more than 5,000; a wider --bin"):
        asked(payload_store, bin="1m")
