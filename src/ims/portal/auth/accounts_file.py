"""The file of accounts: SQLite, 0600, with a write-ahead log, each change on disk when its call returns."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

APPLICATION = 0x494D5341  # "IMSA"
VERSION = 2
WAIT = 10.0  # seconds to wait for another process that writes

SCHEMA = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE COLLATE NOCASE, role TEXT NOT NULL,
    password TEXT NOT NULL, created REAL NOT NULL, generation INTEGER NOT NULL DEFAULT 0);
CREATE TABLE tokens (
    id TEXT PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    digest BLOB NOT NULL UNIQUE, label TEXT NOT NULL, role TEXT, created REAL NOT NULL, expires REAL,
    parent TEXT REFERENCES tokens (id) ON DELETE CASCADE, origin TEXT);
CREATE INDEX tokens_of ON tokens (account);
CREATE INDEX tokens_by_parent ON tokens (parent);
CREATE TABLE secrets (purpose TEXT PRIMARY KEY, octets BLOB NOT NULL);
"""
FROM_VERSION_1 = """
ALTER TABLE accounts ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN parent TEXT REFERENCES tokens (id) ON DELETE CASCADE;
ALTER TABLE tokens ADD COLUMN origin TEXT;
CREATE INDEX tokens_by_parent ON tokens (parent);
"""


class AccountsFile:
    """One connection, shared by threads under a lock. Raises OSError where the file can't be used, ValueError where it
    holds something else."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        _private(path)
        with self._plainly():
            self._con = sqlite3.connect(path, timeout=WAIT, check_same_thread=False, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._con.close()
                raise

    def _open(self) -> None:
        self._con.execute("PRAGMA foreign_keys = ON")
        self._con.execute("PRAGMA synchronous = FULL")
        # One transaction: if two processes open a new file, only one makes the tables.
        self._con.execute("BEGIN IMMEDIATE")
        found = self._con.execute("PRAGMA application_id").fetchone()[0]
        version = self._con.execute("PRAGMA user_version").fetchone()[0]
        empty = not self._con.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        if empty and found == 0:
            self._make(SCHEMA)
            self._con.execute(f"PRAGMA application_id = {APPLICATION}")
        elif found != APPLICATION:
            raise ValueError(f"{self._path} is a database, but not of accounts")
        elif version == 1:
            self._make(FROM_VERSION_1)
        elif version != VERSION:
            raise ValueError(f"{self._path} has accounts of version {version}; this program knows {VERSION}")
        self._con.execute("COMMIT")
        with contextlib.suppress(sqlite3.OperationalError):  # another process does it now, or later
            self._con.execute("PRAGMA journal_mode = WAL")

    def _make(self, statements: str) -> None:
        for statement in statements.split(";"):
            self._con.execute(statement)
        self._con.execute(f"PRAGMA user_version = {VERSION}")

    def read(self, words: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Rows."""
        with self._plainly(), self._lock:
            return self._con.execute(words, values).fetchall()

    def write(self, words: str, values: tuple[Any, ...]) -> int:
        """Run a statement; returns how many rows it changed. Raises sqlite3.IntegrityError where it breaks a rule."""
        with self._plainly(), self._lock:
            return self._con.execute(words, values).rowcount

    @contextlib.contextmanager
    def together(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """Several statements as one transaction: gives the function that executes one."""
        with self._plainly(), self._lock:
            self._con.execute("BEGIN IMMEDIATE")
            try:
                yield self._con.execute
            except BaseException:
                self._con.execute("ROLLBACK")
                raise
            self._con.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._con.close()

    @contextlib.contextmanager
    def _plainly(self) -> Iterator[None]:
        """SQLite's errors as built-in ones."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.OperationalError as error:
            code = error.sqlite_errorname.removeprefix("SQLITE_").partition("_")[0]
            why = _WHY.get(code, "SQLite failed; IMS_DEBUG=1 shows what it says")
            raise OSError(f"the accounts in {self._path} can't be used: {why}") from error
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{self._path} doesn't hold accounts, or it is damaged") from error


_WHY = {
    "BUSY": "another process holds the file", "LOCKED": "another process holds the file",
    "READONLY": "the file, or its folder, can't be written to", "PERM": "the file can't be written to",
    "CANTOPEN": "the file can't be opened", "FULL": "no space is left on the disk", "IOERR": "its disk fails",
    "ERROR": "its tables aren't those of accounts",
}  # fmt: skip
"""SQLite's names of errors -> what they mean."""


def _private(path: Path) -> None:
    """Make the file if it is absent. Raises OSError where it isn't a file, or others may read or write it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} isn't a file") from None
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise PermissionError(f"{path} holds secrets and others may use it (mode {mode:o}); chmod 600 it") from None
