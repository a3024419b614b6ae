"""For whom a question is asked: each thread's own, until its block ends, and by a pseudonym."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ims.link.contract import Ask
from ims.portal.federation.asker import NOBODY, Effort, asker, behalf
from ims.query.question import Question
from ims.query.request import make_request

QUESTION = Question(plan="count", request=make_request("count", None))


@example("operator one", "operator two")
@given(st.text(), st.text())
def test_each_has_one_pseudonym_that_a_sensor_takes_and_that_tells_no_name(one: str, other: str) -> None:
    pseudonyms = []
    for who in (one, other, one):
        with behalf(who):
            pseudonyms.append(asker().behalf)
            Ask(version=2, questions=(QUESTION,), behalf=asker().behalf)
    assert pseudonyms[0] == pseudonyms[2]
    assert (pseudonyms[0] == pseudonyms[1]) == (one == other)
    assert all(len(each) == 16 and int(each, 16) >= 0 for each in pseudonyms)


def test_who_asks_is_what_the_innermost_block_says_until_it_ends_however_it_does() -> None:
    assert asker() is NOBODY
    effort = Effort()
    with behalf("alice", known_only=True, until=5.0, effort=effort):
        alice = asker()
        assert (alice.known_only, alice.until, alice.effort) == (True, 5.0, effort)
        with pytest.raises(KeyError), behalf("bob"):
            assert (asker().known_only, asker().until) == (False, float("inf"))
            assert asker().behalf != alice.behalf
            raise KeyError
        assert asker() is alice
    assert asker() is NOBODY


def test_threads_do_not_ask_for_each_other() -> None:
    def other() -> tuple[bool, str]:
        before = asker() is NOBODY
        with behalf("bob"):
            return before, asker().behalf

    with behalf("alice"), ThreadPoolExecutor(1) as pool:
        alice = asker().behalf
        assert pool.submit(other).result()[0]
        assert pool.submit(other).result()[1] != alice == asker().behalf


def test_what_one_question_took_is_not_another_s() -> None:
    with behalf("alice"):
        asker().effort.seconds += 3.0
    with behalf("alice"):
        assert asker().effort.seconds == 0.0
