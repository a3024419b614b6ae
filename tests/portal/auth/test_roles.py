"""Roles: three words in an order, and whoever asks in one of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.auth.roles import ROLES, Caller, lesser, role_of


def test_the_lesser_of_two_roles_is_the_one_that_may_do_less() -> None:
    least = {"viewer": 0, "analyst": 1, "operator": 2}
    assert set(ROLES) == set(least)
    for one, other in itertools.product(ROLES, repeat=2):
        assert least[lesser(one, other)] == min(least[one], least[other])


@given(st.text() | st.sampled_from(["", "Viewer", "operator ", "view", "root", "viewer\n", "viewer, analyst", *ROLES]))
def test_only_three_words_are_roles_and_others_are_refused_in_one_line(text: str) -> None:
    if text in ("viewer", "analyst", "operator"):
        assert role_of(text) == text
        return
    with pytest.raises(ValueError, match="viewer, analyst, operator") as caught:
        role_of(text)
    assert str(caught.value).isprintable()


def test_a_caller_is_the_same_whichever_password_he_showed_but_not_in_another_role() -> None:
    alice = Caller("alice", "viewer", "6a0c", manages=False)
    assert alice == Caller("alice", "viewer", "6a0c", manages=False, generation=3)
    others = [
        Caller("alice", "analyst", "6a0c", False),
        Caller("bob", "viewer", "6a0c", False),
        Caller("alice", "viewer"),
    ]
    assert alice not in others
    with pytest.raises(AttributeError):
        alice.role = "operator"  # type: ignore[misc]
