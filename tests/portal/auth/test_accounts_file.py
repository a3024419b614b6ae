"""The file of accounts: what is none is refused and left alone, and what is one is shared."""

from __future__ import annotations

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ims.portal.auth.accounts_file import AccountsFile
from ims.portal.auth.roles import Caller
from ims.portal.auth.tokens import digest

from .account_files import CHEAP, PASSWORD, opened


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
    monkeypatch.setattr("ims.portal.auth.accounts_file.WAIT", 0)
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


def test_several_statements_are_done_together_or_not_at_all(tmp_path: Path) -> None:
    """As another process sees it, by SQLite's own reader."""
    path = tmp_path / "accounts.db"
    file, other = AccountsFile(path), sqlite3.connect(path, isolation_level=None)

    def kept() -> list[tuple[str, bytes]]:
        return other.execute("SELECT purpose, octets FROM secrets ORDER BY purpose").fetchall()

    insert = "INSERT INTO secrets VALUES (?, ?)"
    with file.together() as execute:
        execute(insert, ("a", b"1"))
        assert kept() == []
        execute(insert, ("b", b"2"))
    with pytest.raises(KeyError), file.together() as execute:
        execute(insert, ("c", b"3"))
        raise KeyError
    with pytest.raises(sqlite3.IntegrityError), file.together() as execute:
        execute(insert, ("d", b"4"))
        execute(insert, ("a", b"5"))
    assert kept() == file.read("SELECT purpose, octets FROM secrets ORDER BY purpose") == [("a", b"1"), ("b", b"2")]
    assert file.write("UPDATE secrets SET octets = ?", (b"6",)) == 2
    assert kept() == [("a", b"6"), ("b", b"6")]
    other.close()
    file.close()


def test_a_new_file_is_its_owner_s_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        AccountsFile(tmp_path / "accounts.db").close()
    finally:
        os.umask(before)
    assert (tmp_path / "accounts.db").stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(tmp_path / "accounts.db") as con:
        found = [con.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "journal_mode")]
    con.close()
    assert found == [int.from_bytes(b"IMSA", "big"), "wal"]


@pytest.mark.parametrize("place", [slice(100, 4096), slice(4096, 8192), slice(0, 100)])
def test_a_damaged_file_is_said_in_one_line_when_it_is_opened_or_read(tmp_path: Path, place: slice) -> None:
    path = tmp_path / "accounts.db"
    file = AccountsFile(path)
    file.write("INSERT INTO secrets VALUES (?, ?)", ("a", b"x" * 20_000))
    file.close()
    octets = bytearray(path.read_bytes())
    octets[place] = b"\xff" * len(octets[place])
    path.write_bytes(octets)
    with pytest.raises((OSError, ValueError), match=f"{path}") as caught:
        for statement in ("PRAGMA integrity_check", "SELECT * FROM accounts", "SELECT * FROM tokens"):
            found = AccountsFile(path).read(statement)
            assert found in ([], [("ok",)]), "damage is found, and nothing is raised"
    assert str(caught.value).isprintable()


def test_a_file_of_many_openers_at_once_is_made_once(tmp_path: Path) -> None:
    path, gate = tmp_path / "accounts.db", threading.Barrier(8)

    def opened_at_once(number: int) -> AccountsFile:
        gate.wait()
        file = AccountsFile(path)
        file.write("INSERT INTO secrets VALUES (?, ?)", (str(number), b""))
        return file

    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(opened_at_once, range(8)))
    assert len(files[0].read("SELECT purpose FROM secrets")) == 8
    for file in files:
        file.close()
