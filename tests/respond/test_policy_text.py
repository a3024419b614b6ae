"""What coverage has of a block's settings is read back as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.respond.policy import POLICIES, row_of
from ims.respond.policy_text import DEFAULT_LIMIT, LONGEST, MOST_LIMIT, PASSIVE, policy_text, recorded_policy

tables = st.lists(st.integers(0, 65_535), unique=True, max_size=12).flatmap(
    lambda ends: st.fixed_dictionaries(
        {f"{low}-{high}": st.sampled_from(POLICIES)
         for low, high in zip(*[iter(sorted(ends))] * 2, strict=False)},
        optional={"default": st.sampled_from(POLICIES)},
    )
)  # fmt: skip


@given(st.one_of(st.sampled_from(POLICIES), tables), st.booleans(), st.integers(1, 1 << 24))
def test_settings_come_back(policy: Any, echo: bool, limit: int) -> None:
    found = recorded_policy(policy_text(policy, echo, limit))
    assert (found.echo, found.limit) == (echo, limit)
    assert found.ports is not None and np.array_equal(found.ports, row_of(policy))


def test_usual_settings_are_one_word_as_in_earlier_versions() -> None:
    assert [policy_text(name, False, DEFAULT_LIMIT) for name in POLICIES] == list(POLICIES)
    assert (
        policy_text({"80": "reset", " 1 - 3 ": "ack"}, True, 99) == "ports 80=reset 1-3=ack default=ack, echo, limit 99"
    )


def test_a_table_that_is_too_long_and_one_of_an_earlier_version_are_not_known() -> None:
    long = {str(port): "reset" for port in range(0, 1000, 2)}
    text = policy_text(long, True, DEFAULT_LIMIT)
    assert text == "ports, echo" and len(text) < LONGEST
    assert recorded_policy(text).ports is None and recorded_policy(text).echo
    assert recorded_policy("ports").ports is None and recorded_policy(PASSIVE).ports is None


@pytest.mark.parametrize("text", ["", "ports 1", "ports 5-1=ack", "ports 1=maybe", "later, words", "ack, limit x", "ack, limit -1",
                                  f"ack, limit {'9' * 5000}", f"ack, limit {MOST_LIMIT + 1}"])  # fmt: skip
def test_other_texts_tell_nothing(text: str) -> None:
    found = recorded_policy(text)
    assert found.limit == DEFAULT_LIMIT and (found.ports is None or text.startswith("ack"))


@given(st.text(max_size=40))
def test_no_text_is_an_error(text: str) -> None:
    recorded_policy(text)
    recorded_policy(f"ports {text}")
