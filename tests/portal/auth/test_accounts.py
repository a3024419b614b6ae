"""Accounts in real files: who is let in, what is kept of secrets, and what survives."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from ims.portal.auth.accounts import Accounts
from ims.portal.auth.roles import Caller

from .account_files import PASSWORD, opened


def test_a_password_lets_its_account_in_and_no_other(accounts: Accounts) -> None:
    accounts.add("alice", "analyst", PASSWORD)
    accounts.add("bob", "viewer", PASSWORD + "!")
    assert accounts.check_password("alice", PASSWORD) == Caller("alice", "analyst")
    assert accounts.check_password("ALICE", PASSWORD) == Caller("alice", "analyst")
    assert accounts.check_password("bob", PASSWORD) is None
    assert accounts.check_password("nobody", PASSWORD) is None
    assert accounts.check_password("' OR 1=1 --", PASSWORD) is None
    assert accounts.check_password("alice", PASSWORD + "\ud800") is None


@pytest.mark.parametrize(
    ("name", "role", "password", "said"),
    [
        ("alice", "analyst", PASSWORD, "already"),
        ("Alice", "analyst", PASSWORD, "already"),
        ("bob", "analyst", "elevenchars", "11 characters"),
        ("bob", "analyst", "x" * 2000, "2,000 characters"),
        ("bob", "root", PASSWORD, "viewer, analyst, operator"),
        ("", "viewer", PASSWORD, "account name"),
        ("-bob", "viewer", PASSWORD, "account name"),
        ("bob\x1b[2J", "viewer", PASSWORD, "account name"),
        ("b" * 65, "viewer", PASSWORD, "account name"),
    ],
)
def test_what_is_no_account_is_refused(accounts: Accounts, name: str, role: Any, password: str, said: str) -> None:
    accounts.add("alice", "operator", PASSWORD)
    with pytest.raises(ValueError, match=said):
        accounts.add(name, role, password)
    assert [row["name"] for row in accounts.list()] == ["alice"]


def test_an_unknown_name_costs_the_same_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = opened(tmp_path / "accounts.db")
    accounts.add("alice", "viewer", PASSWORD)
    worked: list[str] = []
    verified = PasswordHasher.verify
    monkeypatch.setattr(
        PasswordHasher, "verify", lambda self, h, p: worked.append(h.rsplit("$", 2)[0]) or verified(self, h, p)
    )
    accounts.check_password("alice", "wrong")
    accounts.check_password("nobody", "wrong")
    accounts.check_password("no\x00body" * 20, "wrong")
    assert len(worked) == 3
    assert len(set(worked)) == 1  # the same parameters
    accounts.close()


def test_secrets_are_stored_hashed_only(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    accounts = opened(path)
    accounts.add("alice", "operator", PASSWORD)
    token = accounts.new_token("alice", label="x", days=None)
    accounts.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert PASSWORD.encode() not in stored
    assert token.encode() not in stored
    assert token[4:20].encode() not in stored
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_weaker_hash_is_made_anew_when_its_password_comes(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    accounts = opened(path)
    accounts.add("alice", "viewer", PASSWORD)
    accounts.close()
    stronger = Accounts(path, hasher=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert stronger.check_password("alice", PASSWORD) is not None
    stronger.close()
    with sqlite3.connect(path) as con:
        assert "m=16,t=2,p=1" in con.execute("SELECT password FROM accounts").fetchone()[0]
    con.close()


def test_the_rounding_secret_stays(tmp_path: Path) -> None:
    first = opened(tmp_path / "accounts.db")
    secret = first.secret("rounding")
    assert len(secret) == 32
    assert first.secret("other") != secret
    first.close()
    second = opened(tmp_path / "accounts.db")
    assert second.secret("rounding") == secret
    second.close()


def test_one_of_many_that_add_a_name_at_once_succeeds(tmp_path: Path) -> None:
    accounts = opened(tmp_path / "accounts.db")
    outcomes: list[bool] = []
    gate = threading.Barrier(8)

    def add() -> None:
        gate.wait()
        try:
            accounts.add("alice", "viewer", PASSWORD)
            outcomes.append(True)
        except ValueError:
            outcomes.append(False)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]
    accounts.close()


WRITER = """
import sys
from argon2 import PasswordHasher
from pathlib import Path
from ims.portal.auth.accounts import Accounts
accounts = Accounts(Path(sys.argv[1]), hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
for n in range(100_000):
    accounts.add(f"user{n}", "viewer", "correct horse battery")
    token = accounts.new_token(f"user{n}", label="x", days=None)
    sys.stdout.write(f"user{n} {token}\\n")
    sys.stdout.flush()
"""


def test_what_was_told_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    for _ in range(3):
        path.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        told = [process.stdout.readline().split() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        told += [line.split() for line in process.stdout.read().splitlines() if line.count(" ") == 1]
        process.wait()
        process.stdout.close()
        accounts = opened(path)
        for name, token in told:
            if len(token) == 47:  # a line that was cut by the kill isn't one
                assert accounts.check_token(token) == Caller(name, "viewer", accounts.tokens(name)[0]["id"])
        accounts.add("after", "viewer", PASSWORD)
        accounts.close()
