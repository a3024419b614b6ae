"""Tokens in real files of accounts: what each may do, until when, and what ends with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.auth import account_tokens
from ims.portal.auth.accounts import Accounts
from ims.portal.auth.roles import Caller

from .account_files import PASSWORD, Clock


def test_a_token_has_at_most_its_accounts_role_as_it_is_now(accounts: Accounts) -> None:
    accounts.add("alice", "analyst", PASSWORD)
    full = accounts.new_token("alice", label="full", days=None)
    less = accounts.new_token("alice", label="less", days=None, role="viewer")
    with pytest.raises(ValueError, match="can't be operator"):
        accounts.new_token("alice", label="more", days=1, role="operator")
    assert [accounts.check_token(each).role for each in (full, less)] == ["analyst", "viewer"]  # type: ignore[union-attr]
    accounts.set_role("alice", "operator")
    assert [accounts.check_token(each).role for each in (full, less)] == ["operator", "viewer"]  # type: ignore[union-attr]
    analyst = accounts.new_token("alice", label="analyst", days=None, role="analyst")
    accounts.set_role("alice", "viewer")
    assert {accounts.check_token(each).role for each in (full, less, analyst)} == {"viewer"}  # type: ignore[union-attr]


def test_tokens_end(accounts: Accounts, clock: Clock) -> None:
    accounts.add("alice", "viewer", PASSWORD)
    short = accounts.new_token("alice", label="short", days=1)
    long = accounts.new_token("alice", label="long", days=None)
    clock.now += 86_399
    assert accounts.check_token(short) is not None
    clock.now += 1
    assert accounts.check_token(short) is None
    caller = accounts.check_token(long)
    assert caller is not None
    assert caller.token is not None
    assert [(row["label"], row["expired"]) for row in accounts.tokens("alice")] == [("short", True), ("long", False)]
    accounts.revoke_token("alice", caller.token)
    assert accounts.check_token(long) is None
    with pytest.raises(ValueError, match="no token"):
        accounts.revoke_token("alice", caller.token)


def test_tokens_that_ended_long_ago_leave_the_file(accounts: Accounts, clock: Clock) -> None:
    accounts.add("alice", "viewer", PASSWORD)
    accounts.new_token("alice", label="short", days=1)
    accounts.new_token("alice", label="long", days=60)
    clock.now += 31 * 86_400 - 1
    accounts.new_token("alice", label="next", days=None)
    assert [row["label"] for row in accounts.tokens("alice")] == ["short", "long", "next"]
    clock.now += 1
    accounts.new_token("alice", label="last", days=None)
    assert [row["label"] for row in accounts.tokens("alice")] == ["long", "next", "last"]


def test_children_that_end_at_once_fill_no_file(
    accounts: Accounts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_tokens, "CHILDREN", 3)
    accounts.add("alice", "viewer", PASSWORD)
    caller = accounts.check_token(accounts.new_token("alice", label="parent", days=None))
    assert caller is not None
    for _ in range(20):
        accounts.child_token(caller, label="child", days=1e-5)
        clock.now += 2
        assert len(accounts.tokens("alice")) <= 4


def test_what_a_token_made_ends_with_it_and_has_no_greater_role(accounts: Accounts, clock: Clock) -> None:
    accounts.add("alice", "operator", PASSWORD)
    short = accounts.check_token(accounts.new_token("alice", label="short", days=1, role="analyst"))
    assert short is not None and not short.manages
    child = accounts.child_token(short, label="child", days=3650)
    assert child.expires == accounts.tokens("alice")[0]["expires"]
    caller = accounts.check_token(child.secret)
    assert caller is not None and (caller.role, caller.manages) == ("analyst", False)
    with pytest.raises(ValueError, match="can't be operator"):
        accounts.child_token(short, label="more", days=1, role="operator")
    grandchild = accounts.child_token(caller, label="grandchild", days=1, role="viewer")
    last = accounts.check_token(grandchild.secret)
    assert last is not None
    with pytest.raises(ValueError, match="makes none"):
        accounts.child_token(last, label="x", days=1)
    accounts.set_role("alice", "viewer")
    assert accounts.check_token(child.secret) == Caller("alice", "viewer", caller.token, manages=False)
    accounts.set_role("alice", "operator")
    clock.now += 86_400
    assert [accounts.check_token(each.secret) for each in (child, grandchild)] == [None, None]


def test_revoking_a_token_revokes_what_it_made(accounts: Accounts) -> None:
    accounts.add("alice", "operator", PASSWORD)
    one, two = (accounts.check_token(accounts.new_token("alice", label=n, days=None)) for n in "ab")
    assert one is not None and two is not None and one.token is not None
    below = accounts.child_token(one, label="c", days=1)
    lowest = accounts.child_token(accounts.check_token(below.secret) or one, label="d", days=1)
    family = [row["label"] for row in accounts.tokens("alice", one.token)]
    assert sorted(family) == ["a", "c", "d"]
    with pytest.raises(ValueError, match="no token"):
        accounts.revoke_token("alice", one.token, two.token)
    accounts.revoke_token("alice", one.token)
    assert [accounts.check_token(each.secret) for each in (below, lowest)] == [None, None]
    assert [row["label"] for row in accounts.tokens("alice")] == ["b"]
    with pytest.raises(ValueError, match="isn't there any more"):
        accounts.child_token(one, label="late", days=1)


def test_a_token_makes_no_more_than_so_many(accounts: Accounts) -> None:
    accounts.add("alice", "viewer", PASSWORD)
    caller = accounts.check_token(accounts.new_token("alice", label="x", days=1))
    assert caller is not None
    for _ in range(account_tokens.CHILDREN):
        accounts.child_token(caller, label="x", days=1)
    with pytest.raises(ValueError, match="revoke some"):
        accounts.child_token(caller, label="x", days=1)


def test_another_password_ends_what_logins_gave(accounts: Accounts) -> None:
    accounts.add("alice", "analyst", PASSWORD)
    known = accounts.check_password("alice", PASSWORD)
    assert known is not None
    login = accounts.login_token(known, label="login", days=0.5)
    kept = accounts.new_token("alice", label="laptop", days=90)
    callers = [accounts.check_token(each) for each in (login.secret, kept)]
    children = [accounts.child_token(caller, label="child", days=1).secret for caller in callers if caller is not None]
    assert accounts.set_password("alice", PASSWORD + "!") == (2, 2)
    found = [accounts.check_token(each) for each in (login.secret, children[0], kept, children[1])]
    assert [each is not None for each in found] == [False, False, True, True]
    # Whoever showed the old password a moment before gets nothing for it.
    with pytest.raises(ValueError, match="isn't there any more"):
        accounts.login_token(known, label="login", days=0.5)


def test_a_removed_accounts_tokens_stay_void_when_the_name_comes_again(accounts: Accounts) -> None:
    accounts.add("alice", "operator", PASSWORD)
    token = accounts.new_token("alice", label="x", days=None)
    accounts.remove("alice")
    assert accounts.check_token(token) is None
    accounts.add("alice", "viewer", PASSWORD)
    assert accounts.check_token(token) is None
    assert accounts.tokens("alice") == []


@given(st.text(max_size=60))
def test_no_text_is_a_token(shared: Accounts, text: str) -> None:
    assert shared.check_token(text) is None
    assert shared.check_token("ims_" + text) is None
