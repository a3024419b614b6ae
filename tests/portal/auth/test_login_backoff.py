"""Guessed passwords: who guesses waits, longer each time, and no name's memory is lost to others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ims.portal.auth import login_backoff
from ims.portal.auth.accounts import Accounts

from .account_files import PASSWORD, Clock, opened


def test_guessing_has_to_wait_and_a_right_password_forgives(accounts: Accounts, clock: Clock) -> None:
    accounts.add("alice", "viewer", PASSWORD)
    for _ in range(login_backoff.FREE):
        assert accounts.check_password("alice", "wrong password") is None
    assert accounts.check_password("alice", PASSWORD) is None
    clock.now += 1.01
    assert accounts.check_password("alice", PASSWORD) is not None
    assert accounts.check_password("alice", PASSWORD) is not None
    tries = 0
    for _ in range(24 * 3600):
        clock.now += 1
        before = len(accounts._guesses._tried) and accounts._guesses._tried.get("bob")
        accounts.check_password("bob", "guess")
        tries += accounts._guesses._tried.get("bob") != before
    assert tries < 5 + 10 + 24 * 3600 / login_backoff.LONGEST + 1  # about a hundred a day


def test_guesses_at_once_do_not_slip_through(tmp_path: Path) -> None:
    accounts = opened(tmp_path / "accounts.db", ticks=lambda: 5.0)
    accounts.add("alice", "viewer", PASSWORD)
    tried: list[str] = []
    verify = accounts._verified
    accounts._verified = lambda h, p: tried.append(p) or verify(h, p)  # type: ignore[method-assign]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: accounts.check_password("alice", f"guess {n}"), range(100)))
    assert len(tried) == login_backoff.FREE
    accounts.close()


def test_memory_of_guesses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_backoff, "NAMES", 100)
    kept = login_backoff.LoginBackoff(lambda: 0.0)
    for n in range(1000):
        kept.may_try(f"name {n}")
    assert len(kept) == 100


def test_waits_double_from_the_fifth_guess_to_a_quarter_of_an_hour(clock: Clock) -> None:
    kept, waits = login_backoff.LoginBackoff(clock), []
    for _ in range(5 + 14):
        began = clock.now
        while not kept.may_try("alice"):
            clock.now += 1
        waits.append(clock.now - began)
    assert waits == [0] * 5 + [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]


def test_a_name_is_one_however_it_is_written_and_others_do_not_wait_for_it(clock: Clock) -> None:
    kept = login_backoff.LoginBackoff(clock)
    tried = [kept.may_try(name) for name in ("alice", "Alice", "ALICE", "aLICE", "alicE", "alice")]
    assert tried == [True] * 5 + [False]
    assert kept.may_try("bob")
    kept.forget("Alice")
    assert kept.may_try("alice")


def test_guesses_of_long_ago_are_forgotten_and_none_sooner(clock: Clock) -> None:
    for later, free in ((login_backoff.LONGEST, 0), (login_backoff.LONGEST + 0.001, 4)):
        kept = login_backoff.LoginBackoff(clock)
        for _ in range(5):
            assert kept.may_try("alice")
        clock.now += 1 + later
        assert kept.may_try("alice")
        assert sum(kept.may_try("alice") for _ in range(10)) == free
