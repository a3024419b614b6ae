"""Accounts in real files: who is let in, what is kept of secrets, and what survives."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from ims.portal import account_tokens, guesses
from ims.portal.accounts import Accounts
from ims.portal.roles import Caller
from ims.portal.tokens import digest
from tests.stores import cli

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def opened(path: Path, **words: Any) -> Accounts:
    return Accounts(path, hasher=CHEAP, **words)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Any:
    found = opened(tmp_path / "accounts.db", clock=clock, ticks=clock)
    yield found
    found.close()


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
        ("bob", "analyst", "x" * 2000, "2000 characters"),
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


def test_guessing_has_to_wait_and_a_right_password_forgives(accounts: Accounts, clock: Clock) -> None:
    accounts.add("alice", "viewer", PASSWORD)
    for _ in range(guesses.FREE):
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
    assert tries < 5 + 10 + 24 * 3600 / guesses.LONGEST + 1  # about a hundred a day


def test_guesses_at_once_do_not_slip_through(tmp_path: Path) -> None:
    accounts = opened(tmp_path / "accounts.db", ticks=lambda: 5.0)
    accounts.add("alice", "viewer", PASSWORD)
    tried: list[str] = []
    verify = accounts._verified
    accounts._verified = lambda h, p: tried.append(p) or verify(h, p)  # type: ignore[method-assign]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: accounts.check_password("alice", f"guess {n}"), range(100)))
    assert len(tried) == guesses.FREE
    accounts.close()


def test_memory_of_guesses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "NAMES", 100)
    kept = guesses.Guesses(lambda: 0.0)
    for n in range(1000):
        kept.may_try(f"name {n}")
    assert len(kept) == 100


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


def test_a_file_of_the_first_version_is_read_and_its_tokens_hold(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    con = sqlite3.connect(path)
    con.executescript(VERSION_1)
    row = ("alice", "operator", CHEAP.hash(PASSWORD), 1.0)
    con.execute("INSERT INTO accounts (name, role, password, created) VALUES (?, ?, ?, ?)", row)
    con.execute("INSERT INTO tokens VALUES ('6a0c', 1, ?, 'old', NULL, 1.0, NULL)", (digest("ims_old"),))
    con.commit()
    con.close()
    path.chmod(0o600)
    for _ in range(2):
        accounts = opened(path)
        assert accounts.check_token("ims_old") == Caller("alice", "operator", "6a0c")
        assert accounts.tokens("alice")[0]["origin"] is None
        accounts.close()
    accounts = opened(path)
    old = accounts.check_token("ims_old")
    assert old is not None
    child = accounts.child_token(old, label="child", days=1)
    assert accounts.check_password("alice", PASSWORD) is not None
    assert accounts.set_password("alice", PASSWORD + "!") == (2, 0)  # nobody knows whether a login gave it
    assert accounts.check_token(child.secret) is None
    accounts.close()


VERSION_1 = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE COLLATE NOCASE, role TEXT NOT NULL,
    password TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE tokens (
    id TEXT PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    digest BLOB NOT NULL UNIQUE, label TEXT NOT NULL, role TEXT, created REAL NOT NULL, expires REAL);
CREATE INDEX tokens_of ON tokens (account);
CREATE TABLE secrets (purpose TEXT PRIMARY KEY, octets BLOB NOT NULL);
PRAGMA application_id = 0x494D5341;
PRAGMA user_version = 1;
"""


def test_a_removed_accounts_tokens_stay_void_when_the_name_comes_again(accounts: Accounts) -> None:
    accounts.add("alice", "operator", PASSWORD)
    token = accounts.new_token("alice", label="x", days=None)
    accounts.remove("alice")
    assert accounts.check_token(token) is None
    accounts.add("alice", "viewer", PASSWORD)
    assert accounts.check_token(token) is None
    assert accounts.tokens("alice") == []


@given(st.text(max_size=60))
def test_no_text_is_a_token(text: str) -> None:
    assert SHARED.check_token(text) is None
    assert SHARED.check_token("ims_" + text) is None


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


@pytest.mark.parametrize("found", ["text", "folder", "other", "newer", "readable"])
def test_a_file_that_is_none_is_refused_and_left_alone(tmp_path: Path, found: str) -> None:
    path = tmp_path / "accounts.db"
    if found == "text":
        path.write_bytes(b"not a database at all" * 100)
    elif found == "folder":
        path.mkdir()
    elif found in ("other", "newer"):
        con = sqlite3.connect(path)
        con.execute("CREATE TABLE mine (x)")
        if found == "newer":
            con.execute(f"PRAGMA application_id = {0x494D5341}")
            con.execute("PRAGMA user_version = 99")
        con.commit()
        con.close()
    else:
        opened(path).close()
    if found != "folder":
        path.chmod(0o644 if found == "readable" else 0o600)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises((OSError, ValueError)):
        opened(path)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_what_sqlite_says_is_nobody_s_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "accounts.db"
    path.write_bytes(b"not a database at all" * 100)
    path.chmod(0o600)
    with pytest.raises(ValueError, match="doesn't hold accounts") as found:
        opened(path)
    assert str(found.value) == f"{path} doesn't hold accounts, or it is damaged"
    path.unlink()
    monkeypatch.setattr("ims.portal.accounts_file.WAIT", 0)
    accounts, other = opened(path), sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OSError, match="can't be used") as held:
        accounts.add("a", "viewer", "a long enough password")
    assert str(held.value) == f"the accounts in {path} can't be used: another process holds the file"
    other.close()
    accounts.close()


def test_threads_and_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    accounts = opened(path)

    def work(n: int) -> None:
        mine = opened(path) if n % 4 == 0 else accounts
        mine.add(f"user{n}", "viewer", PASSWORD)
        token = mine.new_token(f"user{n}", label="x", days=1)
        assert accounts.check_token(token) is not None
        if n % 4 == 0:
            mine.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert len(accounts.list()) == 40
    accounts.close()


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
from ims.portal.accounts import Accounts
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


def test_the_command_line_takes_passwords_from_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    made = cli("account", "add", "alice", "--role", "analyst", "--accounts", path, input=PASSWORD + "\n")
    assert (made.returncode, made.stdout) == (0, "")
    token = cli("account", "token", "alice", "--label", "x", "--role", "viewer", "--accounts", path).stdout.strip()
    changed = cli("account", "password", "alice", "--accounts", path, input="another long password\n")
    assert changed.returncode == 0, changed.stderr
    said = "alice: another password; 0 tokens of logins have ended, 1 token of `ims account token` stays\n"
    assert changed.stderr == said
    assert cli("account", "role", "alice", "operator", "--accounts", path).returncode == 0
    accounts = Accounts(path)
    caller = accounts.check_token(token)
    assert caller is not None
    assert caller.role == "viewer"
    assert accounts.check_password("alice", "another long password") == Caller("alice", "operator")
    listed = cli("account", "tokens", "alice", "--accounts", path, "--format", "json").stdout
    assert caller.token is not None
    assert caller.token in listed
    assert token not in listed
    assert cli("account", "revoke-token", "alice", caller.token, "--accounts", path).returncode == 0
    assert accounts.check_token(token) is None
    assert cli("account", "remove", "alice", "--accounts", path).returncode == 0
    assert accounts.is_empty()
    accounts.close()


@pytest.mark.parametrize(
    "words",
    [
        ("add", "bob", "--role", "king", "--accounts", "{}"),
        ("add", "bob", "--role", "viewer", "--accounts", "{}"),  # no password: the pipe is empty
        ("list", "--accounts", "{}.absent"),
        ("list", "--format", "xml", "--accounts", "{}"),
        ("password", "bob", "--accounts", "{}"),
        ("role", "bob", "viewer", "--accounts", "{}"),
        ("token", "bob", "--label", "x", "--accounts", "{}"),
        ("revoke-token", "bob", "1", "--accounts", "{}"),
        ("remove", "bob", "--accounts", "{}"),
    ],
)
def test_the_command_line_refuses_in_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "accounts.db"
    opened(path).close()
    found = cli("account", *(word.replace("{}", str(path)) for word in words), input="")
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.startswith("ims: ")
    assert found.stderr.count("\n") == 1


SHARED: Accounts


@pytest.fixture(scope="module", autouse=True)
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    global SHARED  # noqa: PLW0603
    SHARED = opened(tmp_path_factory.mktemp("shared") / "accounts.db")
    SHARED.add("alice", "operator", PASSWORD)
    SHARED.new_token("alice", label="x", days=None)
    yield
    SHARED.close()
